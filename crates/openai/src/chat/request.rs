//! The request, and the generation that it asks for.

use std::borrow::Cow;

use backend::{Conversation, Generation, Prompt, TopLogprobs};
use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::message::{self, Message};
use crate::body::{Fields, take, take_model};
use crate::schema::{self, ModelField};
use crate::shared::{top_logprobs, within};
use crate::{Body, Delivery, Error, Shared};

/// As it was sent: nothing in it is unknown, and every type is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub model: String,
    pub question: Question,
}

/// What is asked, whichever model is to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub messages: Vec<Message>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<i64>,
    pub shared: Shared,
}

/// The fields that only chat completions have.
#[derive(Deserialize, ToSchema)]
struct Own {
    /// The conversation so far.
    #[schema(value_type = Vec<Message>, min_items = 1, max_items = 2048)]
    messages: Option<Vec<Message>>,
    /// Whether to tell how likely each token was.
    logprobs: Option<bool>,
    /// How many of the most likely tokens are told beside each; needs `logprobs`.
    #[schema(minimum = 0, maximum = 20)]
    top_logprobs: Option<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Error> {
        let (model, rest) = take_model(fields)?;
        let model = model.ok_or_else(|| Error::missing("model"))?;
        Ok(Self { model, question: Question::read(rest)? })
    }
}

impl Body for Question {
    fn read(fields: Fields) -> Result<Self, Error> {
        message::check_count(&fields)?;
        let Own { messages, logprobs, top_logprobs, rest } = take(fields)?;
        let shared = Shared::read(rest)?;
        Ok(Self { messages: messages.ok_or_else(|| Error::missing("messages"))?, logprobs, top_logprobs, shared })
    }
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        schema::closed([ModelField::schema(), Question::schema()]).into()
    }
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "ChatCompletionRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Question::schemas(schemas);
    }
}

impl PartialSchema for Question {
    fn schema() -> RefOr<Schema> {
        schema::closed([Own::schema(), Shared::schema()]).into()
    }
}

impl ToSchema for Question {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Own::schemas(schemas);
        Shared::schemas(schemas);
    }
}

impl Question {
    pub fn delivery(&self) -> Delivery {
        self.shared.delivery()
    }

    /// The same, asked of a model.
    pub fn of(self, model: String) -> Result<Generation, Error> {
        let logprobs = self.logprobs()?;
        let generation = self.shared.generation(model, Prompt::Chat(conversation(self.messages)?))?;
        Ok(Generation { logprobs, ..generation })
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

impl Request {
    pub fn delivery(&self) -> Delivery {
        self.question.delivery()
    }
}

impl TryFrom<Request> for Generation {
    type Error = Error;

    fn try_from(request: Request) -> Result<Self, Error> {
        request.question.of(request.model)
    }
}

/// The conversation that messages are.
pub(crate) fn conversation(messages: Vec<Message>) -> Result<Conversation, Error> {
    let messages = message::conversation(messages)?;
    Conversation::new(messages).ok_or_else(|| Error::invalid("messages", "must not be empty"))
}
