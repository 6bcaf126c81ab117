//! The parameters that all requests for text have in common.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use backend::{
    Choices, FrequencyPenalty, Generation, LogitBias, MaxTokens, MinP, OutOfRange, PresencePenalty, Priority, Prompt,
    RepetitionPenalty, Sampling, Stop, Temperature, Tenant, TopK, TopLogprobs, TopP,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};

use crate::body::{self, Fields, refuse_inner, refuse_leftovers};
use crate::schema;
use crate::several::TextOr;
use crate::{Delivery, Error};

/// As they were sent: types are right, ranges are not yet known to be.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
pub struct Shared {
    /// Whether the answer comes as server-sent events, as it is made.
    pub stream: Option<bool>,
    /// Only with `stream: true`.
    pub stream_options: Option<StreamOptions>,
    /// How many tokens are generated at most. Absent: the model's default. The server has a bound of its own.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    pub max_tokens: Option<i64>,
    /// OpenAI's newer name for `max_tokens`.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    pub max_completion_tokens: Option<i64>,
    /// 0 is greedy: the most likely token, always the same.
    #[schema(minimum = 0, maximum = 2)]
    pub temperature: Option<f32>,
    /// The smallest set of tokens whose probabilities reach this sum.
    #[schema(minimum = 0, maximum = 1)]
    pub top_p: Option<f32>,
    /// How many of the most likely tokens are considered; 0 and -1: the whole vocabulary.
    #[schema(minimum = -1, maximum = 4_294_967_295_u64)]
    pub top_k: Option<i64>,
    /// Tokens less likely than this share of the most likely one are left out.
    #[schema(minimum = 0, maximum = 1)]
    pub min_p: Option<f32>,
    #[schema(schema_with = stop)]
    pub stop: Option<TextOr<String>>,
    /// Any 64-bit integer. The same one gives the same answer on the same build and machine.
    pub seed: Option<i64>,
    /// How many answers.
    #[schema(minimum = 1, maximum = 128)]
    pub n: Option<i64>,
    /// Subtracted once from the logit of each token that was generated before.
    #[schema(minimum = -2, maximum = 2)]
    pub presence_penalty: Option<f32>,
    /// Subtracted from a token's logit for each time that it was generated before.
    #[schema(minimum = -2, maximum = 2)]
    pub frequency_penalty: Option<f32>,
    /// Makes tokens of the prompt and the answer less likely, above 1.
    #[schema(exclusive_minimum = 0, maximum = 2)]
    pub repetition_penalty: Option<f32>,
    /// Token ids, as JSON's strings, to what is added to their logits.
    #[schema(schema_with = logit_bias)]
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Whether to go on after the model's end of text.
    pub ignore_eos: Option<bool>,
    /// The lower, the earlier it is taken from the queue.
    pub priority: Option<i32>,
    /// vLLM's: only requests with the same one share what is cached of their prompts.
    #[schema(min_length = 1)]
    pub cache_salt: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(crate) rest: Fields,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
pub struct StreamOptions {
    /// Whether the last chunk tells what the request cost.
    pub include_usage: Option<bool>,
    #[schema(schema_with = schema::only_false)]
    include_obfuscation: Option<bool>,
    #[schema(schema_with = schema::only_false)]
    continuous_usage_stats: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// A text, up to 16 texts, or null.
fn stop() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let texts = ArrayBuilder::new().items(text()).max_items(Some(Stop::MOST));
    let description = Some("The answer ends before the first of these texts.");
    OneOfBuilder::new().item(text()).item(texts).item(schema::null()).description(description).into()
}

fn logit_bias() -> Schema {
    let bias = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-100)).maximum(Some(100));
    let token = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{1,9}$"));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property_names(Some(Schema::from(token)))
        .additional_properties(Some(Schema::from(bias)))
        .description(Some("Token ids, as JSON's strings, to what is added to their logits."))
        .into()
}

impl Shared {
    /// Reads the last part of a request: what is left after it is refused.
    pub fn read(fields: Fields) -> Result<Self, Error> {
        let mut shared: Self = body::take(fields)?;
        refuse_leftovers(&shared.rest)?;
        shared.rest.clear();
        shared.check_stream_options()?;
        Ok(shared)
    }

    fn check_stream_options(&self) -> Result<(), Error> {
        let Some(options) = &self.stream_options else { return Ok(()) };
        if self.stream != Some(true) {
            return Err(Error::invalid("stream_options", "is only allowed with stream: true"));
        }
        options.refuse_others()
    }

    pub fn delivery(&self) -> Delivery {
        if self.stream != Some(true) {
            return Delivery::Whole;
        }
        let include_usage = self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false);
        Delivery::Stream { include_usage }
    }

    /// What these parameters ask of a model.
    pub fn generation(&self, model: String, prompt: Prompt) -> Result<Generation, Error> {
        Ok(Generation {
            sampling: self.sampling()?,
            stop: self.stop()?,
            max_tokens: self.max_tokens()?,
            choices: self.choices()?,
            priority: Priority(self.priority.unwrap_or_default()),
            tenant: self.tenant()?,
            ..Generation::new(model, prompt)
        })
    }

    fn tenant(&self) -> Result<Tenant, Error> {
        match self.cache_salt.as_deref() {
            None => Ok(Tenant::default()),
            Some("") => Err(Error::invalid("cache_salt", "must not be empty")),
            Some(salt) => Ok(Tenant::named(salt)),
        }
    }

    fn max_tokens(&self) -> Result<Option<MaxTokens>, Error> {
        match (self.max_tokens, self.max_completion_tokens) {
            (Some(old), Some(new)) if old != new => {
                let message = format!("is {old}, but max_completion_tokens is {new}; give one of them");
                Err(Error::invalid("max_tokens", message))
            }
            (old, None) => within("max_tokens", old, positive),
            (_, new) => within("max_completion_tokens", new, positive),
        }
    }

    fn sampling(&self) -> Result<Sampling, Error> {
        Ok(Sampling {
            temperature: within("temperature", self.temperature, Temperature::new)?,
            top_p: within("top_p", self.top_p, TopP::new)?,
            top_k: within("top_k", self.top_k, top_k)?,
            min_p: within("min_p", self.min_p, MinP::new)?,
            presence_penalty: within("presence_penalty", self.presence_penalty, PresencePenalty::new)?,
            frequency_penalty: within("frequency_penalty", self.frequency_penalty, FrequencyPenalty::new)?,
            repetition_penalty: within("repetition_penalty", self.repetition_penalty, RepetitionPenalty::new)?,
            logit_bias: self.logit_bias()?,
            // The bits are what counts: a negative seed is as good as any.
            seed: self.seed.map(i64::cast_unsigned),
        })
    }

    fn logit_bias(&self) -> Result<LogitBias, Error> {
        let biases = self.logit_bias.iter().flatten();
        let biases: Result<Vec<_>, Error> = biases.map(|(token, bias)| Ok((token_id(token)?, *bias))).collect();
        LogitBias::new(biases?).map_err(|reason| Error::OutOfRange { field: "logit_bias".into(), reason })
    }

    fn stop(&self) -> Result<Stop, Error> {
        let strings = match &self.stop {
            None => Vec::new(),
            Some(TextOr::Text(text)) => vec![text.clone()],
            Some(TextOr::Array(strings)) => strings.clone(),
        };
        Stop::new(strings, self.ignore_eos.unwrap_or(false))
            .map_err(|reason| Error::OutOfRange { field: "stop".into(), reason })
    }

    pub(crate) fn choices(&self) -> Result<Choices, Error> {
        Ok(within("n", self.n, choices)?.unwrap_or_default())
    }
}

impl StreamOptions {
    fn refuse_others(&self) -> Result<(), Error> {
        let unsupported =
            [("include_obfuscation", self.include_obfuscation), ("continuous_usage_stats", self.continuous_usage_stats)];
        if let Some((name, _)) = unsupported.iter().find(|(_, value)| *value == Some(true)) {
            return Err(Error::unsupported(format!("stream_options.{name}"), "only false is"));
        }
        refuse_inner(&self.rest, "stream_options")
    }
}

/// The bounded type of a value that was sent, or an error that names the field.
pub fn within<N, T>(
    field: &str,
    value: Option<N>,
    new: impl FnOnce(N) -> Result<T, OutOfRange>,
) -> Result<Option<T>, Error> {
    value.map(new).transpose().map_err(|reason| Error::OutOfRange { field: field.into(), reason })
}

/// A number of tokens, at least one.
pub fn positive(value: i64) -> Result<NonZeroU32, OutOfRange> {
    let bound = if value < 1 { "at least 1" } else { "at most 4294967295" };
    u32::try_from(value).ok().and_then(NonZeroU32::new).ok_or_else(|| OutOfRange::new(value, bound))
}

/// "Off" is said as the whole vocabulary, because an absent value would be filled with the model's default.
fn top_k(value: i64) -> Result<TopK, OutOfRange> {
    match value {
        -1 | 0 => Ok(TopK::MAX),
        _ => u32::try_from(value)
            .ok()
            .and_then(TopK::new)
            .ok_or_else(|| OutOfRange::new(value, "at least 1, or 0 or -1 for the whole vocabulary")),
    }
}

fn choices(value: i64) -> Result<Choices, OutOfRange> {
    // What does not fit is refused like 0, but under its own name.
    Choices::new(u32::try_from(value).unwrap_or(0)).map_err(|reason| OutOfRange { value: value.to_string(), ..reason })
}

fn token_id(text: &str) -> Result<u32, Error> {
    // Each in one spelling, or two names could mean one token.
    let id = text.parse().ok().filter(|id: &u32| id.to_string() == text);
    id.ok_or_else(|| Error::invalid(format!("logit_bias.{text}"), "is not a token id"))
}

/// How many alternatives, at most 20.
pub(crate) fn top_logprobs(value: i64) -> Result<TopLogprobs, OutOfRange> {
    u8::try_from(value)
        .ok()
        .and_then(|count| TopLogprobs::new(count).ok())
        .ok_or_else(|| OutOfRange::new(value, TopLogprobs::BOUND))
}
