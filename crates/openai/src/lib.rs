//! OpenAI's wire shapes, and what they mean.
//!
//! A request is read from bytes by its [`Body`] and becomes a `backend::Generation`; the backend's events become an answer
//! or a row of chunks. The other way round, for whoever asks somebody else's server: a generation becomes a request (`ask`), and what is
//! answered is [`Heard`] as events. All of it is pure: no IO, no clock.

mod ask;
mod error;
mod header;
mod heard;
mod passage;
mod plain;
mod prompts;
mod question;
mod several;
mod shared;
mod usage;

pub mod body;
pub mod chat;
pub mod classify;
pub mod completions;
pub mod embeddings;
pub mod models;
pub mod problem;
pub mod schema;
pub mod verbatim;

pub use body::Body;
pub use error::Error;
pub use header::{Delivery, Header};
pub use heard::{Heard, Unheard};
pub use passage::{model, passage};
pub use prompts::Item;
pub use question::question;
pub use several::TextOr;
pub use shared::{Shared, StreamOptions, positive, within};
pub use usage::{Reported, Usage};
