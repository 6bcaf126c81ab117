//! What is asked of `/api/*`.

use backend::{Generation, Prompt};
use openai::body::{Fields, take, take_model};
use openai::schema::{self, OptionalModelField};
use openai::{Body, Delivery, Error, Shared, chat};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::Object;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// `POST /api/generate`: a prompt to be continued, with any of the parameters of sampling.
#[derive(Debug)]
pub(crate) struct GenerateRequest {
    /// The default model, if it is left out.
    model: Option<String>,
    /// Continued as it stands, without a chat template.
    prompt: String,
    shared: Shared,
}

/// `POST /api/chat`: a conversation to be answered, with any of the parameters of sampling.
#[derive(Debug)]
pub(crate) struct ChatRequest {
    /// The default model, if it is left out.
    model: Option<String>,
    question: chat::Question,
}

/// At `…/stream` the path says `stream: true`.
#[derive(Debug)]
pub(crate) struct Streamed<T>(pub(super) T);

/// What both have in common.
pub(super) trait Ask {
    /// The name that was given; it is taken out.
    fn take_model(&mut self) -> Option<String>;
    fn streams(&self) -> bool;
    fn of(self, model: String) -> Result<Generation, Error>;
}

impl Ask for GenerateRequest {
    fn take_model(&mut self) -> Option<String> {
        self.model.take()
    }

    fn streams(&self) -> bool {
        self.shared.delivery() != Delivery::Whole
    }

    fn of(self, model: String) -> Result<Generation, Error> {
        self.shared.generation(model, Prompt::Text(self.prompt))
    }
}

impl Ask for ChatRequest {
    fn take_model(&mut self) -> Option<String> {
        self.model.take()
    }

    fn streams(&self) -> bool {
        self.question.delivery() != Delivery::Whole
    }

    fn of(self, model: String) -> Result<Generation, Error> {
        self.question.of(model)
    }
}

/// The field that only text has.
#[derive(Deserialize, ToSchema)]
struct Own {
    /// Continued as it stands, without a chat template.
    #[schema(value_type = String)]
    prompt: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

impl PartialSchema for GenerateRequest {
    fn schema() -> RefOr<Schema> {
        without_place(schema::closed([OptionalModelField::schema(), Own::schema(), Shared::schema()])).into()
    }
}

impl ToSchema for GenerateRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Shared::schemas(schemas);
    }
}

impl PartialSchema for ChatRequest {
    fn schema() -> RefOr<Schema> {
        let mut object = without_place(schema::closed([OptionalModelField::schema(), chat::Question::schema()]));
        schema::allow_only(&mut object, "logprobs", [false]);
        schema::allow_only(&mut object, "top_logprobs", NOTHING);
        object.into()
    }
}

impl ToSchema for ChatRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        chat::Question::schemas(schemas);
    }
}

/// What asks for more than the answer has a place for can only be said to be left out.
fn without_place(mut object: Object) -> Object {
    schema::allow_only(&mut object, "n", [1]);
    schema::allow_only(&mut object, "stream_options", [json!({"include_usage": true}), json!({})]);
    object
}

const NOTHING: [Value; 0] = [];

impl Body for GenerateRequest {
    fn read(fields: Fields) -> Result<Self, Error> {
        let (model, rest) = take_model(fields)?;
        let Own { prompt, rest } = take(rest)?;
        let shared = Shared::read(rest)?;
        refuse_without_place(&shared)?;
        Ok(Self { model, prompt: prompt.ok_or_else(|| Error::missing("prompt"))?, shared })
    }
}

impl Body for ChatRequest {
    fn read(fields: Fields) -> Result<Self, Error> {
        let (model, rest) = take_model(fields)?;
        let question = chat::Question::read(rest)?;
        refuse_without_place(&question.shared)?;
        if question.logprobs == Some(true) {
            return Err(Error::unsupported("logprobs", "this answer has no place for them; /v1/chat/completions has"));
        }
        Ok(Self { model, question })
    }
}

impl<T: Body> Body for Streamed<T> {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        if fields.get("stream").is_some_and(|stream| *stream == false) {
            return Err(Error::unsupported("stream", "this path always streams; the one without /stream does not"));
        }
        // Anything but a boolean stays, to be refused for its type.
        if fields.get("stream").is_none_or(Value::is_null) {
            fields.insert("stream".into(), true.into());
        }
        T::read(fields).map(Self)
    }
}

/// Refuses what these answers cannot hold: there is one text, and a stream's last event has the usage.
fn refuse_without_place(shared: &Shared) -> Result<(), Error> {
    if shared.n.is_some_and(|n| n != 1) {
        return Err(Error::unsupported("n", "only 1 is; /v1/chat/completions answers several times"));
    }
    match shared.stream_options.as_ref().and_then(|options| options.include_usage) {
        Some(false) => Err(Error::unsupported("stream_options.include_usage", "only true is")),
        Some(true) | None => Ok(()),
    }
}
