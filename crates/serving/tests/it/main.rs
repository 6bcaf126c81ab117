//! The use cases, against a backend that does what it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and reads better without ceremony")]

mod adapters;
mod draining;
mod fallbacks;
mod fleet;
mod limits;
mod measuring;
mod reload;
mod scoring;
mod together;

use backend::{Conversation, Generation, Message, Prompt, Role};

/// A plain question to the model `demo`.
fn generation() -> Generation {
    let message = Message { role: Role::User, content: "Hello!".into(), name: None };
    Generation::new("demo", Prompt::Chat(Conversation::new(vec![message]).unwrap()))
}
