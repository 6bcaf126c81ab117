//! The use cases, against a backend that does what it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and reads better without ceremony")]

mod draining;
mod limits;
mod measuring;
mod together;

use backend::{Choices, Conversation, Generation, Message, Priority, Prompt, Role, Sampling, Stop, Tenant};

/// A plain question to the model `demo`.
fn generation() -> Generation {
    let message = Message { role: Role::User, content: "Hello!".into(), name: None };
    Generation {
        model: "demo".into(),
        prompt: Prompt::Chat(Conversation::new(vec![message]).unwrap()),
        sampling: Sampling::default(),
        stop: Stop::default(),
        max_tokens: None,
        default_max_tokens: None,
        choices: Choices::ONE,
        logprobs: None,
        echo: None,
        priority: Priority::default(),
        tenant: Tenant::default(),
    }
}
