//! The request, and the generations that it asks for: one a prompt.

use std::borrow::Cow;

use backend::{Choices, Echo, Generation, Prompt, TopLogprobs};
use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body::{Fields, take};
use crate::prompts::{self, Item, prompts};
use crate::schema;
use crate::several::TextOr;
use crate::shared::{top_logprobs, within};
use crate::{Body, Delivery, Error, Shared};

/// How many prompts one request may hold.
const MOST: (usize, &str) = (64, "at most 64 prompts");

/// As it was sent: nothing in it is unknown, and every type is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub model: String,
    pub prompt: TextOr<Item>,
    pub echo: Option<bool>,
    pub logprobs: Option<i64>,
    pub shared: Shared,
}

/// The fields that only text completions have.
#[derive(Deserialize, ToSchema)]
struct Own {
    #[schema(value_type = String)]
    model: Option<String>,
    #[schema(required, schema_with = prompt_schema)]
    prompt: Option<TextOr<Item>>,
    /// Whether the answer begins with the prompt. With it, `max_tokens: 0` asks for the prompt alone.
    echo: Option<bool>,
    /// How many of the most likely tokens are told beside each.
    #[schema(minimum = 0, maximum = 20)]
    logprobs: Option<i64>,
    /// Only the value of `n` is supported.
    #[schema(minimum = 1, maximum = 128)]
    best_of: Option<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Error> {
        let Own { model, prompt, echo, logprobs, best_of, rest } = take(fields)?;
        let shared = Shared::read(rest)?;
        if best_of.is_some_and(|best_of| best_of != shared.n.unwrap_or(1)) {
            return Err(Error::unsupported("best_of", "only the value of n is"));
        }
        let model = model.ok_or_else(|| Error::missing("model"))?;
        let prompt = prompt.ok_or_else(|| Error::missing("prompt"))?;
        Ok(Self { model, prompt, echo, logprobs, shared })
    }
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        let mut object = schema::closed([Own::schema(), Shared::schema()]);
        if let Some(RefOr::T(Schema::Object(max_tokens))) = object.properties.get_mut("max_tokens") {
            max_tokens.minimum = Some(0.into());
        }
        object.into()
    }
}

fn prompt_schema() -> Schema {
    prompts::schema(MOST, "Text or token ids, or up to 64 of either.").into()
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "TextCompletionRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Shared::schemas(schemas);
    }
}

impl Request {
    pub fn delivery(&self) -> Delivery {
        self.shared.delivery()
    }

    /// One generation a prompt, all alike but for it.
    pub fn generations(mut self) -> Result<Vec<Generation>, Error> {
        let template = self.template()?;
        let prompts = prompts("prompt", MOST, self.prompt)?;
        let answers = prompts.len() * usize::from(template.choices.get());
        if answers > usize::from(Choices::MOST) {
            return Err(Error::out_of_range("n", format!("{answers} with all prompts"), "at most 128 over all prompts"));
        }
        Ok(prompts.into_iter().map(|prompt| Generation { prompt, ..template.clone() }).collect())
    }

    fn template(&mut self) -> Result<Generation, Error> {
        let echo = self.echo()?;
        let generation = self.shared.generation(self.model.clone(), Prompt::Tokens(Vec::new()))?;
        Ok(Generation { logprobs: self.logprobs()?, echo, ..generation })
    }

    /// How many answers to each prompt.
    pub fn choices(&self) -> Result<Choices, Error> {
        self.shared.choices()
    }

    fn logprobs(&self) -> Result<Option<TopLogprobs>, Error> {
        within("logprobs", self.logprobs, top_logprobs)
    }

    /// `max_tokens: 0` is "nothing but the prompt", so it needs `echo`; it is no number of tokens to generate.
    fn echo(&mut self) -> Result<Option<Echo>, Error> {
        match (self.shared.max_tokens, self.echo.unwrap_or(false)) {
            (Some(0), true) => {
                self.shared.max_tokens = None;
                Ok(Some(Echo::PromptOnly))
            }
            (Some(0), false) => Err(Error::out_of_range("max_tokens", "0", "at least 1, unless echo is true")),
            (_, echo) => Ok(echo.then_some(Echo::ThenGenerate)),
        }
    }
}
