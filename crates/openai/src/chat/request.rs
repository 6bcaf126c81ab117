//! The request, and the generation that it asks for.

use backend::{Conversation, Generation, Prompt, Tenant, TopLogprobs};
use serde::Deserialize;

use super::message::{self, Message};
use crate::body::{Fields, object, read};
use crate::shared::{positive, top_logprobs, within};
use crate::{Body, Delivery, Error, Shared};

/// As it was sent: nothing in it is unknown, and every type is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub model: String,
    pub messages: Vec<Message>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<i64>,
    /// OpenAI's newer name for `max_tokens`.
    pub max_completion_tokens: Option<i64>,
    pub shared: Shared,
}

/// The fields that only chat completions have.
#[derive(Deserialize)]
struct Own {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
    max_completion_tokens: Option<i64>,
    #[serde(flatten)]
    rest: Fields,
}

impl Body for Request {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let Own { model, messages, logprobs, top_logprobs, max_completion_tokens, rest } = read(object(bytes)?)?;
        Ok(Self {
            shared: Shared::read(rest)?,
            model: model.ok_or_else(|| Error::missing("model"))?,
            messages: messages.ok_or_else(|| Error::missing("messages"))?,
            logprobs,
            top_logprobs,
            max_completion_tokens,
        })
    }
}

impl Request {
    pub fn delivery(&self) -> Delivery {
        self.shared.delivery()
    }

    fn max_tokens(&self) -> Result<Option<i64>, Error> {
        match (self.shared.max_tokens, self.max_completion_tokens) {
            (Some(old), Some(new)) if old != new => {
                let message = format!("is {old}, but max_completion_tokens is {new}; give one of them");
                Err(Error::invalid("max_tokens", message))
            }
            (old, new) => Ok(new.or(old)),
        }
    }

    fn logprobs(&self) -> Result<Option<TopLogprobs>, Error> {
        let top = within("top_logprobs", self.top_logprobs, top_logprobs)?;
        match (self.logprobs, top) {
            (Some(true), top) => top.map_or_else(|| within("top_logprobs", Some(0), top_logprobs), |top| Ok(Some(top))),
            (_, Some(_)) => Err(Error::invalid("top_logprobs", "needs logprobs: true")),
            (_, None) => Ok(None),
        }
    }
}

impl TryFrom<Request> for Generation {
    type Error = Error;

    fn try_from(request: Request) -> Result<Self, Error> {
        let field = if request.max_completion_tokens.is_some() { "max_completion_tokens" } else { "max_tokens" };
        let max_tokens = within(field, request.max_tokens()?, positive)?;
        let logprobs = request.logprobs()?;
        let messages = message::conversation(request.messages)?;
        let conversation = Conversation::new(messages).ok_or_else(|| Error::invalid("messages", "must not be empty"))?;
        Ok(Self {
            model: request.model,
            prompt: Prompt::Chat(conversation),
            sampling: request.shared.sampling()?,
            stop: request.shared.stop()?,
            max_tokens,
            default_max_tokens: None,
            choices: request.shared.choices()?,
            logprobs,
            echo: None,
            priority: request.shared.priority(),
            tenant: Tenant::default(),
        })
    }
}
