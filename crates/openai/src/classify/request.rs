//! The request, and the classifications that it asks for: one a text, or one of a conversation.

use std::borrow::Cow;

use backend::{Classification, Keep, MaxTokens, OutOfRange, Priority, Prompt, Scale, Tenant, Truncation};
use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body::{Fields, refuse_leftovers, take, take_model};
use crate::chat::{Message, check_count, conversation};
use crate::prompts::{self, Item, prompts};
use crate::schema::{self, ModelField};
use crate::several::TextOr;
use crate::shared::within;
use crate::{Body, Error};

/// How many texts one request may hold.
const MOST: (usize, &str) = (1024, "at most 1024 texts");

/// As it was sent: nothing in it is unknown, and every type is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub model: String,
    own: Own,
}

/// All but the model.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
struct Own {
    #[schema(schema_with = input_schema)]
    input: Option<TextOr<Item>>,
    /// A conversation in place of `input`.
    #[schema(min_items = 1, max_items = 2048)]
    messages: Option<Vec<Message>>,
    /// Tokens of a text that are looked at; -1: as many as the context has.
    #[schema(minimum = -1, maximum = 4_294_967_295_u64)]
    truncate_prompt_tokens: Option<i64>,
    /// Which end is cut off: `right`, which is the default, or `left`.
    #[schema(value_type = Option<Side>)]
    truncation_side: Option<String>,
    /// `false`: logits in place of probabilities.
    use_activation: Option<bool>,
    /// vLLM's older name for it.
    activation: Option<bool>,
    /// vLLM's oldest name for it.
    softmax: Option<bool>,
    /// Whether the chat template begins an answer; only false is supported.
    add_generation_prompt: Option<bool>,
    /// The lower, the earlier it is taken from the queue.
    priority: Option<i32>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// The ends of a text.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is there to be documented: a request keeps the word that was sent")]
enum Side {
    Left,
    Right,
}

fn input_schema() -> Schema {
    prompts::schema(MOST, "Texts or token ids, up to 1024; or `messages`.").item(schema::null()).into()
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        schema::closed([ModelField::schema(), Own::schema()]).into()
    }
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "ClassificationRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Own::schemas(schemas);
    }
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Error> {
        check_count(&fields)?;
        let (model, rest) = take_model(fields)?;
        let own: Own = take(rest)?;
        refuse_leftovers(&own.rest)?;
        if own.add_generation_prompt == Some(true) {
            return Err(Error::unsupported("add_generation_prompt", "only false is"));
        }
        Ok(Self { model: model.ok_or_else(|| Error::missing("model"))?, own })
    }
}

impl Request {
    /// In the order of the texts, all alike but for them.
    pub fn classifications(self) -> Result<Vec<Classification>, Error> {
        let Self { model, own } = self;
        let (scale, truncation) = (own.scale()?, own.truncation()?);
        let Own { input, messages, priority, .. } = own;
        let prompts = match (input, messages) {
            (Some(input), None) => prompts("input", MOST, input)?,
            (None, Some(messages)) => vec![Prompt::Chat(conversation(messages)?)],
            (Some(_), Some(_)) => return Err(Error::invalid("input", "cannot be beside messages")),
            (None, None) => return Err(Error::missing("input")),
        };
        let (priority, tenant) = (Priority(priority.unwrap_or_default()), Tenant::default());
        let classification = |prompt| Classification {
            model: model.clone(),
            adapter: None,
            prompt,
            encoded: None,
            truncation,
            scale,
            priority,
            tenant,
        };
        Ok(prompts.into_iter().map(classification).collect())
    }
}

impl Own {
    /// Whichever name it goes by.
    fn scale(&self) -> Result<Scale, Error> {
        let mut said = [self.use_activation, self.activation, self.softmax].into_iter().flatten();
        match (said.next(), said.next_back()) {
            (Some(one), Some(other)) if one != other => {
                Err(Error::invalid("use_activation", "has an older name beside it that says the opposite"))
            }
            (Some(false), _) => Ok(Scale::Logits),
            (Some(true) | None, _) => Ok(Scale::Meant),
        }
    }

    fn truncation(&self) -> Result<Option<Truncation>, Error> {
        let keep = match self.truncation_side.as_deref() {
            None | Some("right") => Keep::First,
            Some("left") => Keep::Last,
            Some(other) => return Err(Error::out_of_range("truncation_side", format!("{other:?}"), "left or right")),
        };
        let most = within("truncate_prompt_tokens", self.truncate_prompt_tokens, most)?;
        if most.is_none() && self.truncation_side.is_some() {
            return Err(Error::invalid("truncation_side", "needs truncate_prompt_tokens"));
        }
        Ok(most.map(|most| Truncation { most, keep }))
    }
}

/// `None`: the context.
fn most(tokens: i64) -> Result<Option<MaxTokens>, OutOfRange> {
    let bound = "at least 1, or -1 for the model's context";
    match u32::try_from(tokens).map(MaxTokens::new) {
        Ok(Some(tokens)) => Ok(Some(tokens)),
        Err(_) if tokens == -1 => Ok(None),
        Ok(None) | Err(_) => Err(OutOfRange { value: tokens.to_string(), bound: bound.into() }),
    }
}
