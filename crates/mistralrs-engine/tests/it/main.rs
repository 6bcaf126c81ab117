//! mistral.rs as an engine, on the processor: what every backend is held to, and the numbers of the tiny models.
#![cfg(feature = "mistralrs")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asking;
mod contract;
mod numbers;
mod refusing;
mod sampling;
