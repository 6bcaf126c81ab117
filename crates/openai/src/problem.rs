//! The body of a refusal: ours, and those of others.

use backend::{Error, Kind};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What OpenAI's clients read of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub struct Body {
    pub error: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// For people.
    pub message: String,
    /// The family: `invalid_request_error`, `rate_limit_error`, `server_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The field that is to blame.
    pub param: Option<String>,
    /// For programs: `model_not_found`, `context_length_exceeded`.
    pub code: Option<String>,
}

/// What another server says of a refusal, as far as it can be made out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Empty: nothing.
    pub message: String,
    pub parameter: Option<String>,
    /// A word, or a status as text.
    pub code: Option<String>,
    word: Option<String>,
}

/// Characters of a message that are passed on.
const LONGEST: usize = 2000;

impl Said {
    /// Out of a body in any of the shapes that are about: OpenAI's, vLLM's older flat one, FastAPI's `detail`, and a bare `error`.
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).map(|json| Self::of(&json)).unwrap_or_default()
    }

    pub fn of(json: &Value) -> Self {
        let inner = json.get("error").filter(|error| error.is_object()).unwrap_or(json);
        let text = |name: &str| inner.get(name).and_then(word);
        let message = text("message").or_else(|| text("error")).or_else(|| inner.get("detail").map(detail));
        Self {
            message: message.unwrap_or_default().chars().take(LONGEST).collect(),
            parameter: text("param"),
            code: text("code"),
            word: text("type"),
        }
    }

    /// Prompt and answer together are too long. Some servers have a word for it, vLLM only has words.
    pub fn is_context_length(&self) -> bool {
        let words = ["context_length_exceeded", "exceed_context_size_error"];
        [&self.code, &self.word].into_iter().flatten().any(|word| words.contains(&word.as_str()))
            || self.message.contains("maximum context length")
    }

    /// Of what a client has done wrong.
    pub fn kind(&self) -> Kind {
        match self.code.as_deref() {
            _ if self.is_context_length() => Kind::ContextLength,
            Some("unsupported_parameter") => Kind::Unsupported,
            _ => Kind::Invalid,
        }
    }

    /// In a stream there is no status; some servers write it into the event. `None`: the request is not to blame.
    pub fn refusal(&self) -> Option<Error> {
        let code: Option<u16> = self.code.as_ref().and_then(|code| code.parse().ok());
        let is_refusal = matches!(code, Some(400 | 413 | 422)) || self.is_context_length();
        is_refusal.then(|| Error::Refused {
            kind: self.kind(),
            parameter: self.parameter.clone(),
            message: self.message.clone(),
        })
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text, or a list of what is wrong where.
fn detail(detail: &Value) -> String {
    let one = |item: &Value| item.get("msg").and_then(word).unwrap_or_else(|| item.to_string());
    match detail {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(one).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}
