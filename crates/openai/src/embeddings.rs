//! `POST /v1/embeddings`

mod answer;
mod request;

pub use answer::Answer;
pub use request::{Encoding, Request};
