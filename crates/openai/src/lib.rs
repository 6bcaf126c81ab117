//! OpenAI's wire shapes, and what they mean.
//!
//! A request is read from bytes by its [`Body`] and becomes a `backend::Generation`; the backend's events become an answer
//! or a row of chunks. Both directions are pure: no IO, no clock. What is here today is the server's side; the client's
//! side (the same shapes, the other way round) belongs in the same modules.

mod error;
mod header;
mod prompts;
mod several;
mod shared;
mod usage;

pub mod body;
pub mod chat;
pub mod classify;
pub mod completions;
pub mod models;
pub mod problem;

pub use body::Body;
pub use error::Error;
pub use header::{Delivery, Header};
pub use prompts::Item;
pub use several::TextOr;
pub use shared::{Shared, StreamOptions, positive, within};
pub use usage::{Reported, Usage};
