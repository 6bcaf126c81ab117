//! `POST /v1/chat/completions`.

mod answer;
mod ask;
mod chunk;
mod logprobs;
mod message;
mod request;

pub(crate) use answer::stop_string;
pub use answer::{Choice, Collector, Completion, Reply};
pub use ask::ask;
pub use chunk::{Chunk, ChunkChoice, Chunks, Delta};
pub use logprobs::Logprobs;
pub(crate) use message::check_count;
pub use message::{Message, Part};
pub(crate) use request::conversation;
pub use request::{Question, Request};
