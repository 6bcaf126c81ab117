//! The fields of an answer that are looked at.

use backend::{TokenLogprob, Usage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::logprobs::Logprobs;
use crate::problem::Said;

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) choices: Option<Vec<Choice>>,
    /// Looked at with care: a number that makes no sense is as good as none.
    usage: Option<Value>,
    error: Option<Value>,
    object: Option<String>,
    message: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    pub(super) index: Option<u64>,
    delta: Option<Message>,
    message: Option<Message>,
    text: Option<String>,
    logprobs: Option<Logprobs>,
    pub(super) finish_reason: Option<String>,
    pub(super) stop_reason: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct Message {
    content: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    tool_calls: Option<Vec<IgnoredAny>>,
}

/// What a chunk adds to a choice.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) tokens: u32,
    pub(super) logprobs: Vec<TokenLogprob>,
}

impl Answer {
    /// Where it is none but an error: OpenAI's shape, or vLLM's older flat one.
    pub(super) fn problem(&self) -> Option<Said> {
        if let Some(error) = self.error.as_ref().filter(|error| !error.is_null()) {
            return Some(Said::of(&serde_json::json!({"error": error})));
        }
        let flat = self.object.as_deref() == Some("error");
        flat.then(|| Said::of(&serde_json::json!({"message": self.message})))
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = self.usage.as_ref()?;
        let tokens = |value: &Value| value.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
        Some(Usage {
            prompt_tokens: usage.get("prompt_tokens").and_then(tokens)?,
            // An embedding has none.
            completion_tokens: usage.get("completion_tokens").map_or(Some(0), tokens)?,
            cached_tokens: usage.pointer("/prompt_tokens_details/cached_tokens").and_then(tokens).unwrap_or(0),
        })
    }
}

impl Choice {
    pub(super) fn piece(&self) -> Piece {
        let content = self.delta.as_ref().or(self.message.as_ref());
        let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let text = self.text.clone().or_else(|| content.and_then(|content| content.content.clone())).unwrap_or_default();
        let besides = content.is_some_and(|content| {
            let Message { content: _, reasoning_content, reasoning, tool_calls } = content;
            said(reasoning_content) || said(reasoning) || tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
        });
        let logprobs = self.logprobs.as_ref().map(Logprobs::tokens).unwrap_or_default();
        let tokens = (logprobs.len() as u32).max(u32::from(besides || !text.is_empty()));
        Piece { text, tokens, logprobs }
    }
}
