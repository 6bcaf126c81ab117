//! What holds for a value that a request leaves out.

use backend::{Generation, MaxTokens, MinP, RepetitionPenalty, Temperature, TopK, TopP};

/// Of a model (its own `generation_config`, the catalogue), or of the server (`LLM_DEFAULT_*`).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Defaults {
    pub temperature: Option<Temperature>,
    pub top_p: Option<TopP>,
    pub top_k: Option<TopK>,
    pub min_p: Option<MinP>,
    pub repetition_penalty: Option<RepetitionPenalty>,
    pub max_tokens: Option<MaxTokens>,
}

impl Defaults {
    /// Each value of `self`, else of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            temperature: self.temperature.or(other.temperature),
            top_p: self.top_p.or(other.top_p),
            top_k: self.top_k.or(other.top_k),
            min_p: self.min_p.or(other.min_p),
            repetition_penalty: self.repetition_penalty.or(other.repetition_penalty),
            max_tokens: self.max_tokens.or(other.max_tokens),
        }
    }

    /// How long an answer may be where nobody says. A default above the limit is the limit: nobody asked for more.
    pub(crate) fn most_tokens(default: Option<MaxTokens>, limit: MaxTokens) -> MaxTokens {
        default.map_or(limit, |default| default.min(limit))
    }

    /// Fills in what was left out.
    pub(crate) fn fill(self, generation: &mut Generation, limit: MaxTokens) {
        let Self { temperature, top_p, top_k, min_p, repetition_penalty, max_tokens } = self;
        let sampling = &mut generation.sampling;
        sampling.temperature = sampling.temperature.or(temperature);
        sampling.top_p = sampling.top_p.or(top_p);
        sampling.top_k = sampling.top_k.or(top_k);
        sampling.min_p = sampling.min_p.or(min_p);
        sampling.repetition_penalty = sampling.repetition_penalty.or(repetition_penalty);
        let default = generation.default_max_tokens.or(max_tokens);
        generation.default_max_tokens = Some(Self::most_tokens(default, limit));
    }
}
