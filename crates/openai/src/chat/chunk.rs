//! The answer as it is made.

use backend::{Choices, Event};
use serde::Serialize;
use utoipa::ToSchema;

use super::Logprobs;
use super::answer::stop_string;
use crate::schema::FinishReason;
use crate::{Header, Reported, Usage};

/// A piece of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ChatCompletionChunk)]
pub struct Chunk {
    pub id: String,
    /// Always `chat.completion.chunk`.
    #[schema(examples("chat.completion.chunk"))]
    pub object: &'static str,
    pub created: u64,
    pub model: String,
    pub system_fingerprint: String,
    pub choices: Vec<ChunkChoice>,
    /// In the last chunk, if `stream_options.include_usage` asked for it; null in those before.
    #[schema(value_type = Option<Usage>)]
    #[serde(skip_serializing_if = "Reported::is_absent")]
    pub usage: Reported,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChunkChoice {
    pub index: u16,
    pub delta: Delta,
    pub logprobs: Option<Logprobs>,
    #[schema(value_type = Option<FinishReason>)]
    pub finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

/// What the piece adds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl ChunkChoice {
    fn new(index: u16, delta: Delta) -> Self {
        Self { index, delta, logprobs: None, finish_reason: None, stop_reason: None }
    }
}

/// Turns events into chunks: for each choice the role, the pieces, the reason why it ended; then the usage.
#[derive(Debug)]
pub struct Chunks {
    header: Header,
    choices: Choices,
    include_usage: bool,
}

impl Chunks {
    pub fn new(header: Header, choices: Choices, include_usage: bool) -> Self {
        Self { header, choices, include_usage }
    }

    pub fn push(&mut self, event: Event) -> Vec<Chunk> {
        match event {
            Event::Prompt { .. } => (0..self.choices.get()).map(|choice| self.role(choice)).collect(),
            Event::Text { text, logprobs, .. } if text.is_empty() && logprobs.is_empty() => Vec::new(),
            Event::Text { choice, text, logprobs, .. } => {
                let mut piece = ChunkChoice::new(choice, Delta { role: None, content: Some(text) });
                piece.logprobs = (!logprobs.is_empty()).then(|| logprobs.into());
                vec![self.chunk(piece)]
            }
            Event::Finished { choice, reason, stop } => {
                let mut last = ChunkChoice::new(choice, Delta::default());
                last.finish_reason = Some(reason.as_str());
                last.stop_reason = stop_string(stop);
                vec![self.chunk(last)]
            }
            Event::Done(usage) if self.include_usage => vec![Chunk { usage: Reported::Now(usage.into()), ..self.empty() }],
            Event::Done(_) => Vec::new(),
        }
    }

    fn role(&self, choice: u16) -> Chunk {
        self.chunk(ChunkChoice::new(choice, Delta { role: Some("assistant"), content: Some(String::new()) }))
    }

    fn chunk(&self, choice: ChunkChoice) -> Chunk {
        Chunk { choices: vec![choice], ..self.empty() }
    }

    fn empty(&self) -> Chunk {
        let Header { id, created, model, system_fingerprint } = self.header.clone();
        let usage = Reported::later(self.include_usage);
        let object = "chat.completion.chunk";
        Chunk { id, object, created, model, system_fingerprint, choices: Vec::new(), usage }
    }
}
