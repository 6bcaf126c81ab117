//! What `/text2sql` adds to a chat completion.

use std::borrow::Cow;

use backend::Event;
use serde::Serialize;
use serving::{Database, Verdict};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An answer or a chunk, with the judgement where there is one.
#[derive(Debug, Serialize)]
pub(super) struct Checked<T> {
    #[serde(flatten)]
    answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    text2sql: Option<Judgement>,
}

/// Of the statement within the answer, which itself is as the model wrote it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Judgement {
    valid: bool,
    /// Whose it was judged as.
    dialect: &'static str,
    /// Why it is not one statement that parses.
    error: Option<String>,
}

impl<T> Checked<T> {
    pub(super) fn new(answer: T, text2sql: Option<Judgement>) -> Self {
        Self { answer, text2sql }
    }
}

impl<T: ToSchema> PartialSchema for Checked<T> {
    fn schema() -> RefOr<Schema> {
        let judgement = ObjectBuilder::new().property("text2sql", Ref::from_schema_name(Judgement::name()));
        AllOfBuilder::new().item(Ref::from_schema_name(T::name())).item(judgement).into()
    }
}

impl<T: ToSchema> ToSchema for Checked<T> {
    fn name() -> Cow<'static, str> {
        format!("Sql{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        schemas.push((Judgement::name().into(), Judgement::schema()));
        T::schemas(schemas);
    }
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { valid: verdict.is_valid(), dialect: verdict.dialect.as_str(), error: verdict.error }
    }
}

/// Hears an answer out.
#[derive(Debug, Default)]
pub(super) struct Judge {
    text: String,
}

impl Judge {
    /// Whether this was the end of the text.
    pub(super) fn hear(&mut self, event: &Event) -> bool {
        if let Event::Text { text, .. } = event {
            self.text.push_str(text);
        }
        matches!(event, Event::Finished { .. })
    }

    pub(super) fn judge(&self, database: &Database) -> Judgement {
        database.judge(&self.text).into()
    }
}
