//! The engine through its contract, on tiny models with random weights.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adapters;
mod batching;
mod cancelling;
mod classifying;
mod client;
mod contract;
mod damage;
mod demo;
mod logprobs;
mod parity;
mod queue;
mod requantise;
mod speculation;
mod text;
