//! What is asked of `/text2sql`.

use std::borrow::Cow;

use openai::body::{Fields, take, take_model};
use openai::schema::{self, OptionalModelField};
use openai::{Body, Delivery, Error, chat};
use serde::Deserialize;
use serving::{Database, Dialect};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A chat completion's request, and three fields of its own.
#[derive(Debug)]
pub(crate) struct Request {
    /// The text2sql group's first model, if it is left out.
    pub(super) model: Option<String>,
    pub(super) database: Database,
    pub(super) validation: Validation,
    pub(super) question: chat::Question,
}

/// What becomes of an answer that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum Validation {
    /// It is sent, and said to be wrong.
    Report,
    /// It is asked for again; in the end it is refused.
    Strict,
}

#[derive(Deserialize, ToSchema)]
struct Own {
    /// `CREATE TABLE` statements. They go into the prompt, in the model's own format.
    #[schema(pattern = r"\S")]
    schema: Option<String>,
    /// Whose SQL it has to be: `sqlite`, which it is judged as if absent, `postgresql`, `mysql`, `mssql`, `bigquery` …
    #[schema(examples("sqlite"))]
    dialect: Option<String>,
    /// `report` if absent.
    #[schema(value_type = Option<Validation>)]
    validation: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        let mut object = schema::closed([OptionalModelField::schema(), Own::schema(), chat::Question::schema()]);
        schema::allow_only(&mut object, "n", [1]);
        object.into()
    }
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "SqlRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Own::schemas(schemas);
        chat::Question::schemas(schemas);
    }
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Error> {
        let (model, rest) = take_model(fields)?;
        let Own { schema, dialect, validation, rest } = take(rest)?;
        let question = chat::Question::read(rest)?;
        let database = Database { schema: schema.map(not_empty).transpose()?, dialect: dialect.map(named).transpose()? };
        let validation = self::validation(validation)?;
        if question.shared.n.is_some_and(|n| n != 1) {
            return Err(Error::unsupported("n", "only 1 is; /v1/chat/completions answers several times"));
        }
        if validation == Validation::Strict && question.delivery() != Delivery::Whole {
            return Err(Error::unsupported("stream", "an answer that may be taken back (validation: strict) is sent whole"));
        }
        Ok(Self { model, database, validation, question })
    }
}

fn not_empty(schema: String) -> Result<String, Error> {
    if schema.trim().is_empty() { Err(Error::invalid("schema", "must not be empty; leave it out")) } else { Ok(schema) }
}

fn named(dialect: String) -> Result<Dialect, Error> {
    Dialect::named(&dialect).ok_or_else(|| Error::out_of_range("dialect", dialect, Dialect::NAMES))
}

fn validation(word: Option<String>) -> Result<Validation, Error> {
    match word.as_deref() {
        None | Some("report") => Ok(Validation::Report),
        Some("strict") => Ok(Validation::Strict),
        Some(_) => Err(Error::out_of_range("validation", word.unwrap_or_default(), "report or strict")),
    }
}
