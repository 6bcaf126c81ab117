//! From logits to the next token.

mod draw;
mod logprobs;
mod maxima;
mod penalties;
mod sampler;
mod speed;

pub use logprobs::Distribution;
pub use sampler::Sampler;
pub use speed::sampling_time;
