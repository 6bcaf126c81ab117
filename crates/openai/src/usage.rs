//! What a request cost in tokens.

use serde::Serialize;
use utoipa::ToSchema;

/// What a request cost in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub total_tokens: u32,
    pub prompt_tokens_details: PromptTokensDetails,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PromptTokensDetails {
    /// Taken from the prefix cache.
    pub cached_tokens: u32,
}

impl Usage {
    /// Over several prompts of one request.
    pub(crate) fn add(&mut self, other: backend::Usage) {
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
        self.prompt_tokens_details.cached_tokens += other.cached_tokens;
    }
}

impl From<backend::Usage> for Usage {
    fn from(usage: backend::Usage) -> Self {
        let mut total = Self::default();
        total.add(usage);
        total
    }
}

/// The `usage` of an answer or a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reported {
    /// A stream that was not asked for it has no such field,
    Absent,
    /// and one that was has null in all chunks but the last.
    Later,
    Now(Usage),
}

impl Reported {
    pub(crate) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) const fn later(include_usage: bool) -> Self {
        if include_usage { Self::Later } else { Self::Absent }
    }
}

/// The logarithm of an impossible token is minus infinity, which JSON cannot say; OpenAI and vLLM say this instead.
pub(crate) fn finite(logprob: f32) -> f32 {
    logprob.max(-9999.0)
}
