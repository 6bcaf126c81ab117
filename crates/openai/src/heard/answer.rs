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
    /// llama.cpp's.
    timings: Option<IgnoredAny>,
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
    tool_calls: Option<Vec<Value>>,
}

/// What a chunk adds to a choice.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Of all that was generated: reasoning and calls of tools, too.
    pub(super) bytes: usize,
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

    /// llama.cpp says how long a choice took, and the usage beside that is of this choice alone. One beside a choice that goes on is no
    /// sum of anything yet.
    pub(super) fn is_of_one_choice(&self) -> bool {
        let mut choices = self.choices.iter().flatten();
        self.timings.is_some() && choices.all(|choice| choice.finish_reason.is_some())
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
        let text = self.text.clone().or_else(|| content.and_then(|content| content.content.clone())).unwrap_or_default();
        let bytes = text.len() + content.map_or(0, Message::bytes_besides);
        let logprobs = self.logprobs.as_ref().map(Logprobs::tokens).unwrap_or_default();
        let tokens = (logprobs.len() as u32).max(u32::from(bytes > 0));
        Piece { text, bytes, tokens, logprobs }
    }
}

impl Message {
    /// Of what was generated and is not the text of the answer.
    fn bytes_besides(&self) -> usize {
        let Self { content: _, reasoning_content, reasoning, tool_calls } = self;
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        // Some servers give it both names.
        let reasoning = length(reasoning_content).max(length(reasoning));
        reasoning + tool_calls.iter().flatten().map(bytes_of_call).sum::<usize>()
    }
}

/// At least one: something was generated to begin it. The arguments are text, but not with every server.
fn bytes_of_call(call: &Value) -> usize {
    let length = |path: &str| match call.pointer(path) {
        None | Some(Value::Null) => 0,
        Some(Value::String(text)) => text.len(),
        Some(other) => other.to_string().len(),
    };
    (length("/function/name") + length("/function/arguments")).max(1)
}
