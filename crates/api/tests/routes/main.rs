//! The tree of tests is the tree of routes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and reads better without ceremony")]

mod about;
mod adapters;
mod chat;
mod choice;
mod classify;
mod completions;
mod connections;
mod docs;
mod embeddings;
mod every_refusal;
mod every_route;
mod fallbacks;
mod feedback;
mod hang_ups;
mod health;
mod home;
mod hosts;
mod infer;
mod keys;
mod late;
mod local;
mod logs;
mod loops;
mod metrics;
mod models;
mod openapi;
mod paths;
mod predict;
mod refusals;
mod remote;
mod shutdown;
mod streams;
mod text2sql;
mod tls;

use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

/// A chat that is right, with these fields besides.
fn chat_with(fields: Value) -> Value {
    with(json!({"model": "demo", "messages": [{"role": "user", "content": "Hello!"}]}), fields)
}

/// A text completion that is right, with these fields besides.
fn completion_with(fields: Value) -> Value {
    with(json!({"model": "demo", "prompt": "Once"}), fields)
}

fn with(mut body: Value, fields: Value) -> Value {
    if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
        body.extend(fields);
    }
    body
}
