//! From logits to the next token.

mod draw;
mod logprobs;
mod penalties;
mod sampler;

pub(crate) use logprobs::{Distribution, top};
pub(crate) use sampler::Sampler;
