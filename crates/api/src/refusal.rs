//! The two bodies of a refusal: OpenAI's, and ours.

use axum::http::Extensions;
use jiff::Timestamp;
use openai::problem;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::answer::Error;
use crate::middleware::RequestId;

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Refusal {
    /// For programs: `validation_error`, `not_found`, `queue_full`.
    error: &'static str,
    /// For people.
    message: String,
    /// The field that is to blame, its value and its bound, where there are such.
    #[schema(value_type = Object)]
    details: Value,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// As in the header `x-request-id`.
    request_id: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Body {
    OpenAi(problem::Body),
    Ours(Refusal),
}

/// How a request hears that it is refused: in the body of the surface that it came in by.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    app: App,
    openai: bool,
    request_id: String,
}

impl Manner {
    pub(crate) fn of(app: &App, path: &str, extensions: &Extensions) -> Self {
        let request_id = extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
        Self { app: app.clone(), openai: is_openai(path), request_id }
    }

    pub(crate) fn body(&self, error: &Error) -> Body {
        if self.openai { Body::openai(error) } else { Body::ours(error, self.app.now(), self.request_id.clone()) }
    }
}

/// Whether OpenAI's clients ask there.
pub(crate) fn is_openai(path: &str) -> bool {
    path.starts_with("/v1/") || matches!(path, "/v1" | "/text2sql")
}

impl Body {
    pub(crate) fn ours(error: &Error, timestamp: Timestamp, request_id: String) -> Self {
        let (message, details) = (error.message(), error.details());
        Self::Ours(Refusal { error: error.row().name, message, details, timestamp, request_id })
    }

    pub(crate) fn openai(error: &Error) -> Self {
        let row = error.row();
        Self::OpenAi(problem::Body {
            error: problem::Problem {
                message: error.message(),
                kind: row.kind,
                param: error.parameter().map(str::to_owned),
                code: row.code.map(str::to_owned),
            },
        })
    }
}
