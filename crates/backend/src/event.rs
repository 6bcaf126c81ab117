//! What a model answers, piece by piece.

/// In this order: one `Prompt`; per choice any number of `Text` and one `Finished`, the choices interleaved; one `Done`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The request was admitted and runs; nothing was generated yet.
    Prompt {
        /// Tokens in the prompt, special ones included.
        tokens: u32,
        /// How many of them were taken from the prefix cache.
        cached: u32,
        /// If `echo` was asked for: the prompt as text.
        echo: Option<String>,
        /// If `echo` and `logprobs` were asked for: one entry a prompt token. The first has no logarithm: nothing
        /// precedes it.
        logprobs: Vec<TokenLogprob>,
    },
    /// A piece of text, always whole UTF-8 characters; it can be empty where only `logprobs` has news.
    Text {
        /// Which of the `n` answers.
        choice: u16,
        text: String,
        /// How many tokens went into this piece.
        tokens: u32,
        /// One entry a token, if they were asked for.
        logprobs: Vec<TokenLogprob>,
    },
    Finished {
        choice: u16,
        reason: FinishReason,
        /// What stopped it, where something did.
        stop: Option<StopReason>,
    },
    /// Nothing follows.
    Done(Usage),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// An end-of-text token or a stop string.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
}

impl FinishReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    EndOfText(u32),
    StopString(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u32,
    /// Of the prompt's: how many came from the prefix cache.
    pub cached_tokens: u32,
    /// Over all choices; the end-of-text token counts, as OpenAI and vLLM count it.
    pub completion_tokens: u32,
}

/// One token and how likely it was, as a natural logarithm of the model's own distribution: before temperature,
/// penalties and truncation.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    pub token: u32,
    /// The token's own bytes as text, broken characters replaced.
    pub text: String,
    pub bytes: Vec<u8>,
    /// `None` only for the first token of a prompt.
    pub logprob: Option<f32>,
    /// The most likely tokens, best first, as many as were asked for.
    pub top: Vec<Alternative>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    pub token: u32,
    pub text: String,
    pub bytes: Vec<u8>,
    pub logprob: f32,
}
