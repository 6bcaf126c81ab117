//! `POST /infer`: how well each of several models suits each of several prompts.

use std::borrow::Cow;

use openai::body::{Fields, refuse_leftovers, take};
use openai::{Body, Error as Wrong, schema};
use serde::Deserialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::Error;
use crate::extract::Json;

/// A scorer and what it is to score. What is here is as it has to be.
#[derive(Debug)]
pub(crate) struct Request {
    /// `type/name`
    model: String,
}

#[derive(Deserialize, ToSchema)]
struct Sent {
    /// The scorer: `type/name`.
    #[schema(value_type = String, pattern = "^[^/]+/[^/]+$")]
    model: Option<String>,
    #[schema(required, schema_with = texts)]
    models_to_score: Option<Vec<String>>,
    #[schema(required, schema_with = texts)]
    prompts: Option<Vec<String>>,
    /// Prompts that are scored at once.
    #[schema(minimum = 1, maximum = 1024)]
    batch_size: Option<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// How well each of several models suits each of several prompts.
///
/// A scorer's scores would be the answer here. There is no scorer yet, so none is found, whatever it is called.
#[utoipa::path(
    post,
    path = "/infer",
    operation_id = "score",
    tag = "scores",
    request_body(content = Request, example = json!({"model": "dense_network/example", "models_to_score": ["demo"], "prompts": ["What is a join?"]})),
    responses((status = 404, description = "scorer_not_found"))
)]
pub(crate) async fn create(Json(request): Json<Request>) -> Error {
    Error::NoScorer { name: request.model }
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        schema::closed([Sent::schema()]).into()
    }
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "ScoreRequest".into()
    }
}

/// At least one, and none of them empty.
fn texts() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ArrayBuilder::new().items(text).min_items(Some(1)).into()
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let Sent { model, models_to_score, prompts, batch_size, rest } = take(fields)?;
        refuse_leftovers(&rest)?;
        let model = model.ok_or_else(|| Wrong::missing("model"))?;
        if !is_type_and_name(&model) {
            return Err(Wrong::out_of_range("model", model, "a type and a name, as dense_network/example"));
        }
        check_texts("models_to_score", models_to_score)?;
        check_texts("prompts", prompts)?;
        match batch_size {
            Some(size) if !(1..=1024).contains(&size) => {
                Err(Wrong::out_of_range("batch_size", size.to_string(), "between 1 and 1024"))
            }
            _ => Ok(Self { model }),
        }
    }
}

fn is_type_and_name(model: &str) -> bool {
    model.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty() && !name.contains('/'))
}

fn check_texts(field: &str, texts: Option<Vec<String>>) -> Result<(), Wrong> {
    let texts = texts.ok_or_else(|| Wrong::missing(field))?;
    if texts.is_empty() {
        return Err(Wrong::invalid(field, "must not be empty"));
    }
    match texts.iter().position(String::is_empty) {
        Some(index) => Err(Wrong::invalid(format!("{field}[{index}]"), "must not be empty")),
        None => Ok(()),
    }
}
