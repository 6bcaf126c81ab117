//! How the next token is chosen and when to stop. An absent value means "the model's default", which `serving` fills in
//! before a backend sees it; a backend that still finds none uses the neutral value named at each field.

use std::num::{NonZeroU16, NonZeroU32};

use crate::bounded::{OutOfRange, bounded};

bounded!(
    /// 0 is greedy: the most likely token, always the same.
    Temperature(f32), "between 0 and 2", |value| (0.0..=2.0).contains(&value)
);
bounded!(
    /// Nucleus sampling: the smallest set of tokens whose probabilities reach this sum; never less than one token.
    TopP(f32), "between 0 and 1", |value| (0.0..=1.0).contains(&value)
);
bounded!(
    /// Tokens less likely than this share of the most likely one are left out.
    MinP(f32), "between 0 and 1", |value| (0.0..=1.0).contains(&value)
);
bounded!(
    /// Subtracted once from the logit of each token that was generated before.
    PresencePenalty(f32), "between -2 and 2", |value| (-2.0..=2.0).contains(&value)
);
bounded!(
    /// Subtracted from a token's logit for each time that it was generated before.
    FrequencyPenalty(f32), "between -2 and 2", |value| (-2.0..=2.0).contains(&value)
);
bounded!(
    /// Divides the positive and multiplies the negative logits of tokens in the prompt or the output (CTRL, arXiv:1909.05858).
    RepetitionPenalty(f32), "greater than 0 and at most 2", |value| value > 0.0 && value <= 2.0
);
bounded!(
    /// How many alternatives are told beside each token's own logarithm.
    TopLogprobs(u8), "between 0 and 20", |value| value <= 20
);

/// How many of the most likely tokens are considered.
pub type TopK = NonZeroU32;
/// How many tokens may be generated.
pub type MaxTokens = NonZeroU32;

/// `n`: how many answers to one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices(NonZeroU16);

impl Choices {
    pub const ONE: Self = Self(NonZeroU16::MIN);
    pub const MOST: u16 = 128;

    pub fn new(value: u32) -> Result<Self, OutOfRange> {
        u16::try_from(value)
            .ok()
            .filter(|count| *count <= Self::MOST)
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| OutOfRange::new(value, "between 1 and 128"))
    }

    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl Default for Choices {
    fn default() -> Self {
        Self::ONE
    }
}

/// What is added to the logits of single tokens before anything else, each between -100 and 100. Tokens outside the
/// vocabulary are refused by the backend, which alone knows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogitBias(Vec<(u32, f32)>);

impl LogitBias {
    pub fn new(biases: Vec<(u32, f32)>) -> Result<Self, OutOfRange> {
        match biases.iter().find(|(_, bias)| !(-100.0..=100.0).contains(bias)) {
            Some((_, bias)) => Err(OutOfRange::new(bias, "between -100 and 100")),
            None => Ok(Self(biases)),
        }
    }

    pub fn as_slice(&self) -> &[(u32, f32)] {
        &self.0
    }
}

/// When to stop before `max_tokens`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stop {
    strings: Vec<String>,
    /// Go on past the model's own end-of-text tokens.
    pub ignore_eos: bool,
}

impl Stop {
    pub const MOST: usize = 16;
    /// Bytes of one. Each is looked for in every token's text.
    pub const LONGEST: usize = 1024;

    /// At most 16 strings of at most 1,024 bytes, none of them empty (an empty one would stop before the first character).
    pub fn new(strings: Vec<String>, ignore_eos: bool) -> Result<Self, OutOfRange> {
        if strings.len() > Self::MOST {
            return Err(OutOfRange::new(format!("{} strings", strings.len()), "at most 16 strings"));
        }
        if strings.iter().any(String::is_empty) {
            return Err(OutOfRange::new("an empty string", "strings that are not empty"));
        }
        if let Some(long) = strings.iter().find(|string| string.len() > Self::LONGEST) {
            return Err(OutOfRange::new(format!("a string of {} bytes", long.len()), "strings of at most 1024 bytes"));
        }
        Ok(Self { strings, ignore_eos })
    }

    pub fn strings(&self) -> &[String] {
        &self.strings
    }
}

/// How tokens are drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// Neutral: 1.
    pub temperature: Option<Temperature>,
    /// Neutral: 1.
    pub top_p: Option<TopP>,
    /// Neutral: the whole vocabulary.
    pub top_k: Option<TopK>,
    /// Neutral: 0.
    pub min_p: Option<MinP>,
    /// Neutral: 0.
    pub presence_penalty: Option<PresencePenalty>,
    /// Neutral: 0.
    pub frequency_penalty: Option<FrequencyPenalty>,
    /// Neutral: 1.
    pub repetition_penalty: Option<RepetitionPenalty>,
    pub logit_bias: LogitBias,
    /// The same seed gives the same tokens on the same build and machine; absent, chance decides.
    pub seed: Option<u64>,
}
