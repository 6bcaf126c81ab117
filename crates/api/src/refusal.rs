//! The two bodies of a refusal: OpenAI's, and ours.

use jiff::Timestamp;
use openai::problem::{Body, Problem};
use serde::Serialize;
use serde_json::Value;

use crate::answer::Error;

/// Ours.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    error: &'static str,
    message: String,
    details: Value,
    timestamp: Timestamp,
    request_id: String,
}

impl Refusal {
    pub(crate) fn new(error: &Error, timestamp: Timestamp, request_id: String) -> Self {
        Self { error: error.row().name, message: error.message(), details: error.details(), timestamp, request_id }
    }
}

/// Where clients expect OpenAI's.
pub(crate) fn is_openai(path: &str) -> bool {
    path.starts_with("/v1/") || path == "/text2sql"
}

pub(crate) fn openai(error: &Error) -> Body {
    let row = error.row();
    Body {
        error: Problem {
            message: error.message(),
            kind: row.kind,
            param: error.parameter().map(str::to_owned),
            code: row.code.map(str::to_owned),
        },
    }
}
