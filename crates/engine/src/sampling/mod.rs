//! From logits to the next token.

mod draw;
mod logprobs;
mod maxima;
mod penalties;
mod sampler;
mod speed;

pub(crate) use logprobs::Distribution;
pub(crate) use sampler::Sampler;
pub use speed::sampling_time;
