//! The request, and the classifications that it asks for: one a text, or one of a conversation.

use backend::{Classification, Keep, MaxTokens, OutOfRange, Priority, Prompt, Scale, Tenant, Truncation};
use serde::Deserialize;

use crate::body::{Fields, refuse_leftovers, take, take_model};
use crate::chat::{Message, conversation};
use crate::prompts::{Item, prompts};
use crate::several::TextOr;
use crate::shared::within;
use crate::{Body, Error};

/// How many texts one request may hold.
const MOST: (usize, &str) = (1024, "at most 1024 texts");

/// As it was sent: nothing in it is unknown, and every type is right.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    #[serde(skip)]
    pub model: String,
    /// Either this
    input: Option<TextOr<Item>>,
    /// or these.
    messages: Option<Vec<Message>>,
    /// Tokens of a text that are looked at; -1: as many as the context has.
    truncate_prompt_tokens: Option<i64>,
    /// Which end is cut off: `right`, which is the default, or `left`.
    truncation_side: Option<String>,
    /// `false`: logits in place of probabilities.
    use_activation: Option<bool>,
    /// vLLM's older names for it.
    activation: Option<bool>,
    softmax: Option<bool>,
    /// Whether the chat template begins an answer.
    add_generation_prompt: Option<bool>,
    priority: Option<i32>,
    #[serde(flatten)]
    rest: Fields,
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Error> {
        let (model, rest) = take_model(fields)?;
        let request: Self = take(rest)?;
        refuse_leftovers(&request.rest)?;
        if request.add_generation_prompt == Some(true) {
            return Err(Error::unsupported("add_generation_prompt", "only false is"));
        }
        Ok(Self { model: model.ok_or_else(|| Error::missing("model"))?, ..request })
    }
}

impl Request {
    /// In the order of the texts, all alike but for them.
    pub fn classifications(self) -> Result<Vec<Classification>, Error> {
        let (scale, truncation) = (self.scale()?, self.truncation()?);
        let Self { model, input, messages, priority, .. } = self;
        let prompts = match (input, messages) {
            (Some(input), None) => prompts("input", MOST, input)?,
            (None, Some(messages)) => vec![Prompt::Chat(conversation(messages)?)],
            (Some(_), Some(_)) => return Err(Error::invalid("input", "cannot be beside messages")),
            (None, None) => return Err(Error::missing("input")),
        };
        let (priority, tenant) = (Priority(priority.unwrap_or_default()), Tenant::default());
        let classification = |prompt| Classification { model: model.clone(), prompt, truncation, scale, priority, tenant };
        Ok(prompts.into_iter().map(classification).collect())
    }

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
