//! mistral.rs as a second engine in this process: it runs models on GPUs, and on processors as well.
//!
//! It computes logits and keeps the KV cache; everything around that is [`decoding`]'s, as in the engine of our own: prompts,
//! the choice of tokens with its seed and its logarithms, stop strings, text. In reading order: [`MistralEngine`] (the handle),
//! `turns` (who may run), `load` with `description` (from files to a running model), `chooser` (what mistral.rs asks for each
//! next token), `answer` (the events).
//!
//! Compiled only with the feature `mistralrs`.
#![cfg(feature = "mistralrs")]

mod answer;
mod chooser;
mod description;
mod device;
mod engine;
mod load;
mod tally;
mod turns;

pub use description::Unknown;
pub use device::Device;
pub use engine::{Memory, MistralEngine, MistralSettings};
pub use load::StartError;
