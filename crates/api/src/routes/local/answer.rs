//! What `/api/*` answers, whole or as it is made.

use axum::response::{IntoResponse, Response};
use backend::{Event, FinishReason};
use openai::Usage;
use openai::schema::FinishReason as Reason;
use serde::Serialize;
use serving::Reply;
use utoipa::ToSchema;

/// What a text is called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// `text`
    Text,
    /// `message`, and in pieces `content`
    Message,
}

/// How a prompt is continued.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GenerateResponse)]
pub(in crate::routes) struct Generated {
    text: String,
    model: String,
    #[serde(flatten)]
    end: End,
}

/// How a conversation is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatResponse)]
pub(in crate::routes) struct Replied {
    message: Message,
    model: String,
    #[serde(flatten)]
    end: End,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LocalMessage)]
struct Message {
    role: &'static str,
    content: String,
}

/// How it ended and what it cost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct End {
    tokens_generated: u32,
    #[schema(value_type = Reason)]
    finish_reason: &'static str,
    usage: Usage,
}

/// An event of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = LocalChunk)]
pub(in crate::routes) enum Chunk {
    Text {
        text: String,
    },
    Content {
        content: String,
    },
    /// The last.
    Done {
        /// Always true.
        done: bool,
        #[serde(flatten)]
        end: End,
    },
}

impl End {
    fn new(reason: FinishReason, usage: backend::Usage) -> Self {
        Self { tokens_generated: usage.completion_tokens, finish_reason: reason.as_str(), usage: usage.into() }
    }
}

/// The answer in one piece. `model` is named as the request did.
pub(super) fn whole(shape: Shape, model: String, reply: Reply) -> Response {
    let Reply { text, reason, usage, .. } = reply;
    let end = End::new(reason, usage);
    match shape {
        Shape::Text => axum::Json(Generated { text, model, end }).into_response(),
        Shape::Message => {
            let message = Message { role: "assistant", content: text };
            axum::Json(Replied { message, model, end }).into_response()
        }
    }
}

/// Turns events into the chunks of a stream.
#[derive(Debug)]
pub(super) struct Chunks {
    shape: Shape,
    /// A length that is used up is told where it happens; what tells nothing has stopped by itself.
    reason: FinishReason,
}

impl Chunks {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, reason: FinishReason::Stop }
    }

    pub(super) fn push(&mut self, event: Event) -> Option<Chunk> {
        match event {
            Event::Prompt { .. } => None,
            Event::Text { text, .. } => (!text.is_empty()).then(|| self.piece(text)),
            Event::Finished { reason, .. } => {
                self.reason = reason;
                None
            }
            Event::Done(usage) => Some(Chunk::Done { done: true, end: End::new(self.reason, usage) }),
        }
    }

    fn piece(&self, text: String) -> Chunk {
        match self.shape {
            Shape::Text => Chunk::Text { text },
            Shape::Message => Chunk::Content { content: text },
        }
    }
}
