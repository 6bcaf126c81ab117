//! `POST /v1/completions`.

mod answer;
mod ask;
mod chunk;
mod logprobs;
mod request;

pub use answer::{Choice, Collector, Completion};
pub use ask::ask;
pub use chunk::Chunks;
pub use logprobs::Logprobs;
pub use request::Request;
