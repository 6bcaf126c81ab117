//! The engine through its contract, on tiny models with random weights.

mod batching;
mod cancelling;
mod client;
mod logprobs;
mod parity;
mod queue;
mod text;
