//! The answer in one piece.

use backend::{Choices, Event, FinishReason, StopReason};
use serde::Serialize;
use utoipa::ToSchema;

use super::Logprobs;
use crate::schema::{self, FinishReason as Reason};
use crate::{Header, Usage};

/// The answer in one piece.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ChatCompletion)]
pub struct Completion {
    pub id: String,
    /// Always `chat.completion`.
    #[schema(examples("chat.completion"))]
    pub object: &'static str,
    /// Seconds since 1970.
    pub created: u64,
    /// As the request named it.
    pub model: String,
    /// Changes when the same seed may give other tokens.
    pub system_fingerprint: String,
    pub choices: Vec<Choice>,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ChatChoice)]
pub struct Choice {
    pub index: u16,
    pub message: Reply,
    pub logprobs: Option<Logprobs>,
    #[schema(value_type = Option<Reason>)]
    pub finish_reason: Option<&'static str>,
    /// vLLM's: the stop string that was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChatReply)]
pub struct Reply {
    /// Always `assistant`.
    #[schema(examples("assistant"))]
    pub role: &'static str,
    pub content: String,
    /// OpenAI's, always null here.
    #[schema(schema_with = schema::null)]
    pub refusal: Option<()>,
}

impl Choice {
    fn new(index: u16) -> Self {
        let message = Reply { role: "assistant", content: String::new(), refusal: None };
        Self { index, message, logprobs: None, finish_reason: None, stop_reason: None }
    }

    fn extend(&mut self, text: &str, logprobs: Logprobs) {
        self.message.content.push_str(text);
        if !logprobs.content.is_empty() {
            self.logprobs.get_or_insert_default().content.extend(logprobs.content);
        }
    }

    fn finish(&mut self, reason: FinishReason, stop: Option<StopReason>) {
        self.finish_reason = Some(reason.as_str());
        self.stop_reason = stop_string(stop);
    }
}

/// An end-of-text token is the ordinary end and not told.
pub(crate) fn stop_string(stop: Option<StopReason>) -> Option<String> {
    match stop {
        Some(StopReason::StopString(text)) => Some(text),
        Some(StopReason::EndOfText(_)) | None => None,
    }
}

/// Gathers events until they are an answer.
#[derive(Debug)]
pub struct Collector {
    completion: Completion,
}

impl Collector {
    pub fn new(header: Header, choices: Choices) -> Self {
        let Header { id, created, model, system_fingerprint } = header;
        let choices = (0..choices.get()).map(Choice::new).collect();
        let usage = Usage::default();
        let object = "chat.completion";
        Self { completion: Completion { id, object, created, model, system_fingerprint, choices, usage } }
    }

    pub fn push(&mut self, event: Event) {
        match event {
            Event::Prompt { .. } => {}
            Event::Text { choice, text, logprobs, .. } => self.change(choice, |it| it.extend(&text, logprobs.into())),
            Event::Finished { choice, reason, stop } => self.change(choice, |it| it.finish(reason, stop)),
            Event::Done(usage) => self.completion.usage = usage.into(),
        }
    }

    /// A choice that was not asked for is a backend's mistake and is left out.
    fn change(&mut self, choice: u16, change: impl FnOnce(&mut Choice)) {
        if let Some(choice) = self.completion.choices.get_mut(usize::from(choice)) {
            change(choice);
        }
    }

    /// To be called when the events have ended.
    pub fn finish(self) -> Completion {
        self.completion
    }
}
