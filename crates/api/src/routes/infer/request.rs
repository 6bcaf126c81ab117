//! What is asked of a scorer.

use std::borrow::Cow;
use std::collections::HashSet;
use std::num::NonZeroUsize;

use openai::body::{Fields, refuse_leftovers, take};
use openai::{Body, Error as Wrong, schema};
use serde::Deserialize;
use serving::Scoring;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Scores are as many as prompts times models: their answer has to end.
const MOST_MODELS: usize = 100;
const MOST_PROMPTS: usize = 10_000;
/// Of one prompt, so that no batch holds up the others for long.
const MOST_CHARACTERS: usize = 100_000;
const LARGEST_BATCH: i64 = 1024;
const BATCH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);

/// A scorer and what it is to score. Whether there is such a scorer is another question; the rest is as it has to be.
#[derive(Debug)]
pub(crate) struct Request(Scoring);

#[derive(Deserialize, ToSchema)]
struct Sent {
    /// The scorer: `type/name`.
    #[schema(value_type = String, pattern = "^[^/]*/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    model: Option<String>,
    #[schema(required, schema_with = models)]
    models_to_score: Option<Vec<String>>,
    #[schema(required, schema_with = prompts)]
    prompts: Option<Vec<String>>,
    /// Prompts that are scored at once: it changes no score.
    #[schema(minimum = 1, maximum = 1024, default = 128)]
    batch_size: Option<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

impl From<Request> for Scoring {
    fn from(Request(scoring): Request) -> Self {
        scoring
    }
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

/// Names that the scorer knows.
fn models() -> Schema {
    texts(None, MOST_MODELS)
}

/// Every one is scored for each model.
fn prompts() -> Schema {
    texts(Some(MOST_CHARACTERS), MOST_PROMPTS)
}

fn texts(longest: Option<usize>, most: usize) -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(longest);
    ArrayBuilder::new().items(text).min_items(Some(1)).max_items(Some(most)).into()
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let Sent { model, models_to_score, prompts, batch_size, rest } = take(fields)?;
        refuse_leftovers(&rest)?;
        let scorer = model.ok_or_else(|| Wrong::missing("model"))?;
        let mut models = several("models_to_score", models_to_score, MOST_MODELS)?;
        // The answer has one entry for each, however often it was named.
        let mut named = HashSet::new();
        models.retain(|model| named.insert(model.clone()));
        let prompts = several("prompts", prompts, MOST_PROMPTS)?;
        if let Some(index) = prompts.iter().position(|prompt| prompt.chars().count() > MOST_CHARACTERS) {
            let (field, found) = (format!("prompts[{index}]"), format!("{} characters", prompts[index].chars().count()));
            return Err(Wrong::out_of_range(field, found, format!("at most {MOST_CHARACTERS}")));
        }
        Ok(Self(Scoring { scorer, models, prompts, batch: batch(batch_size)? }))
    }
}

fn batch(asked: Option<i64>) -> Result<NonZeroUsize, Wrong> {
    let Some(asked) = asked else { return Ok(BATCH) };
    let size = (1..=LARGEST_BATCH).contains(&asked).then(|| NonZeroUsize::new(usize::try_from(asked).ok()?)).flatten();
    size.ok_or_else(|| Wrong::out_of_range("batch_size", asked.to_string(), format!("between 1 and {LARGEST_BATCH}")))
}

/// At least one, and none of them empty.
fn several(field: &str, texts: Option<Vec<String>>, most: usize) -> Result<Vec<String>, Wrong> {
    let texts = texts.ok_or_else(|| Wrong::missing(field))?;
    if texts.is_empty() {
        return Err(Wrong::invalid(field, "must not be empty"));
    }
    if texts.len() > most {
        return Err(Wrong::out_of_range(field, format!("{} of them", texts.len()), format!("at most {most}")));
    }
    match texts.iter().position(String::is_empty) {
        Some(index) => Err(Wrong::invalid(format!("{field}[{index}]"), "must not be empty")),
        None => Ok(texts),
    }
}
