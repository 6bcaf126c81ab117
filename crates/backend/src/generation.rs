//! What is asked of a model, free of any wire format.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::sampling::{Choices, MaxTokens, Sampling, Stop, TopLogprobs};
use crate::{Adapter, Error, Hops, OutOfRange, Result};

/// One request to a model. It was checked when it was made; a backend adds only what it alone can know (the vocabulary,
/// the context length, its queue).
#[derive(Debug, Clone)]
pub struct Generation {
    /// The model or adapter that is to answer: an id or an alias.
    pub model: String,
    /// What changes the model for this request. `serving` finds it by the name.
    pub adapter: Option<Adapter>,
    pub prompt: Prompt,
    /// The same as its backend's tokenizer has it, where it was asked already.
    pub encoded: Option<Encoded>,
    /// A longer prompt is refused, special tokens included.
    pub most_prompt_tokens: Option<NonZeroU32>,
    pub sampling: Sampling,
    pub stop: Stop,
    /// Asked for: if prompt and this exceed the context, the request is refused. Absent: what is left of the context, at
    /// most `default_max_tokens`.
    pub max_tokens: Option<MaxTokens>,
    /// What an absent `max_tokens` means where more is left of the context. `serving` fills it in; it refuses nothing.
    pub default_max_tokens: Option<MaxTokens>,
    pub choices: Choices,
    /// The logarithm of each generated token's probability, with so many alternatives.
    pub logprobs: Option<TopLogprobs>,
    /// The prompt itself is part of the answer (`echo`), with its logarithms if `logprobs` asks for them; with it, and
    /// only with it, nothing may be generated at all.
    pub echo: Option<Echo>,
    pub priority: Priority,
    pub tenant: Tenant,
    pub hops: Hops,
}

impl Generation {
    /// One answer to a prompt, with nothing else asked for.
    pub fn new(model: impl Into<String>, prompt: Prompt) -> Self {
        Self {
            model: model.into(),
            adapter: None,
            prompt,
            encoded: None,
            most_prompt_tokens: None,
            sampling: Sampling::default(),
            stop: Stop::default(),
            max_tokens: None,
            default_max_tokens: None,
            choices: Choices::ONE,
            logprobs: None,
            echo: None,
            priority: Priority::default(),
            tenant: Tenant::default(),
            hops: Hops::default(),
        }
    }

    /// Holds the length of the prompt against the request's own bound. For backends, which alone know it.
    pub fn check_prompt_tokens(&self, tokens: usize) -> Result<()> {
        let Some(most) = self.most_prompt_tokens.filter(|most| tokens > most.get() as usize) else { return Ok(()) };
        let reason = OutOfRange::new(format!("{tokens} tokens"), format!("at most {most} tokens"));
        Err(Error::OutOfRange { parameter: self.prompt.parameter().into(), reason })
    }
}

impl Prompt {
    /// The field of a request that it comes in.
    pub const fn parameter(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Tokens(_) => "prompt",
            Self::Chat(_) => "messages",
        }
    }
}

/// The prompt is repeated before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// And the answer follows.
    ThenGenerate,
    /// And that is all (`max_tokens: 0`): evaluation harnesses read the prompt's logprobs this way.
    PromptOnly,
}

/// Tokens of a prompt, of [`Backend::encode`](crate::Backend::encode). Of no use to another backend.
pub type Encoded = Arc<[u32]>;

#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// Tokenised as it stands, special tokens added as the model's tokenizer does.
    Text(String),
    /// Already tokens; nothing is added.
    Tokens(Vec<u32>),
    /// Put into the model's own words by its chat template.
    Chat(Conversation),
}

/// At least one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    messages: Vec<Message>,
}

impl Conversation {
    /// `None` for a conversation without a message: there is nothing to answer.
    pub fn new(messages: Vec<Message>) -> Option<Self> {
        (!messages.is_empty()).then_some(Self { messages })
    }

    /// The same, with what was said next.
    #[must_use]
    pub fn then(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    pub fn messages(&self) -> &[Message] {
        &self.messages
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub content: String,
    /// Who of several speaks, where a template tells them apart.
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// OpenAI's `developer` is the same.
    System,
    User,
    Assistant,
    Tool,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// Lower runs first, as vLLM has it; 0 is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(pub i32);

/// Whose prefixes may be shared: two requests reuse each other's KV blocks only if this is equal, so that nobody can
/// learn from the time an answer takes what somebody else has asked (CVE-2025-46570).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tenant(pub u64);

impl Tenant {
    /// Somebody among those of a tenant: who keeps apart what is asked for them.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        if self == Self::default() {
            return outer;
        }
        let mut hasher = DefaultHasher::new();
        (outer, self).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Whoever gives this name.
    pub fn named(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}
