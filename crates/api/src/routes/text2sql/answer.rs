//! What `/text2sql` adds to a chat completion.

use backend::Event;
use serde::Serialize;
use serving::{Database, Verdict};

/// An answer or a chunk, with the judgement where there is one.
#[derive(Debug, Serialize)]
pub(super) struct Checked<T> {
    #[serde(flatten)]
    answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    text2sql: Option<Judgement>,
}

/// Of the statement within the answer, which itself is as the model wrote it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Judgement {
    valid: bool,
    dialect: &'static str,
    /// Why it is not one statement that parses.
    error: Option<String>,
}

impl<T> Checked<T> {
    pub(super) fn new(answer: T, text2sql: Option<Judgement>) -> Self {
        Self { answer, text2sql }
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
