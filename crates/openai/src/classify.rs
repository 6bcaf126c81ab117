//! `POST /v1/classify`, which OpenAI does not have: vLLM's shapes.

mod answer;
mod request;

pub use answer::{Answer, Class};
pub use request::Request;
