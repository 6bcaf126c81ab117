//! What an upstream does about a request.

use serde_json::{Value, json};
use tokio::sync::watch;

/// One step after the other; then the connection waits for the next request.
#[derive(Debug, Clone)]
pub struct Act(pub Vec<Step>);

#[derive(Debug, Clone)]
pub enum Step {
    Write(Vec<u8>),
    /// Does nothing until the other side goes.
    Stall,
    /// Ends the connection.
    Close,
    /// Ends it as a process does that is killed.
    Reset,
    /// Goes on when the gate is open.
    Wait(watch::Sender<bool>),
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

impl Act {
    /// A whole answer as a stream: one event for each of these, and the end.
    pub fn stream(chunks: &[Value]) -> Self {
        Self::events(chunks).and(encoded("data: [DONE]\n\n")).and(Vec::from("0\r\n\r\n"))
    }

    /// A stream without its end.
    pub fn events(chunks: &[Value]) -> Self {
        Self::raw(STREAM).and(chunks.iter().flat_map(|chunk| encoded(&format!("data: {chunk}\n\n"))).collect())
    }

    /// A stream of exactly these bytes, and its end.
    pub fn body(body: &str) -> Self {
        Self::raw(STREAM).and(encoded(body)).and(Vec::from("0\r\n\r\n"))
    }

    /// Says each of these, a token each, and ends well.
    pub fn says(pieces: &[&str]) -> Self {
        let mut chunks: Vec<_> = pieces.iter().map(|piece| chunk(piece)).collect();
        chunks.extend([last("stop"), usage(5, pieces.len() as u64)]);
        Self::stream(&chunks)
    }

    /// A whole answer in one piece.
    pub fn whole(answer: &Value) -> Self {
        Self::status(200, &answer.to_string())
    }

    /// A status with a body of JSON.
    pub fn status(status: u16, body: &str) -> Self {
        Self::status_with(status, "", body)
    }

    /// The same, with further header lines, each with its end.
    pub fn status_with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::raw(&format!(
            "HTTP/1.1 {status} It\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    /// These bytes.
    pub fn raw(bytes: &str) -> Self {
        Self(vec![Step::Write(bytes.into())])
    }

    /// Nothing at all.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub fn and(mut self, bytes: Vec<u8>) -> Self {
        self.0.push(Step::Write(bytes));
        self
    }

    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// What follows waits for the gate.
    #[must_use]
    pub fn after(mut self, gate: &watch::Sender<bool>) -> Self {
        self.0.insert(0, Step::Wait(gate.clone()));
        self
    }

    /// The same bytes, so many at a time.
    #[must_use]
    pub fn split(self, size: usize) -> Self {
        let bytes = self.bytes();
        Self(bytes.chunks(size).map(|piece| Step::Write(piece.to_vec())).collect())
    }

    /// Only the first of its bytes.
    #[must_use]
    pub fn cut(self, length: usize) -> Self {
        let mut bytes = self.bytes();
        bytes.truncate(length);
        Self(vec![Step::Write(bytes)])
    }

    /// All that it writes.
    pub fn bytes(&self) -> Vec<u8> {
        let written = self.0.iter().filter_map(|step| match step {
            Step::Write(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        written.flatten().copied().collect()
    }
}

/// A piece of HTTP's chunked encoding.
fn encoded(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// A chunk of a chat that says this.
pub fn chunk(text: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "theirs",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

/// The chunk that ends the only choice.
pub fn last(reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "theirs",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// The chunk that says what it cost.
pub fn usage(prompt_tokens: u64, completion_tokens: u64) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "theirs", "choices": [],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens}})
}
