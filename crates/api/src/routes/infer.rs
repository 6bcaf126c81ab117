//! `POST /infer`: how well each of several models suits each of several prompts.

use openai::body::{Fields, refuse_leftovers, take};
use openai::{Body, Error as Wrong};
use serde::Deserialize;

use crate::answer::Error;
use crate::extract::Json;

/// A scorer and what it is to score. What is here is as it has to be.
#[derive(Debug)]
pub(crate) struct Request {
    /// `type/name`
    model: String,
}

#[derive(Deserialize)]
struct Sent {
    model: Option<String>,
    models_to_score: Option<Vec<String>>,
    prompts: Option<Vec<String>>,
    /// Prompts that are scored at once.
    batch_size: Option<i64>,
    #[serde(flatten)]
    rest: Fields,
}

/// A scorer's scores would be the answer here. There is no scorer yet, so none is found, whatever it is called.
pub(crate) async fn create(Json(request): Json<Request>) -> Error {
    Error::NoScorer { name: request.model }
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
