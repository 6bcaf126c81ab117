//! The two bodies of a refusal: OpenAI's, and ours.

use axum::http::Extensions;
use jiff::Timestamp;
use openai::problem;
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::answer::Error;
use crate::middleware::RequestId;

/// Ours.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    error: &'static str,
    message: String,
    details: Value,
    timestamp: Timestamp,
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
        let openai = path.starts_with("/v1/") || matches!(path, "/v1" | "/text2sql");
        Self { app: app.clone(), openai, request_id }
    }

    pub(crate) fn body(&self, error: &Error) -> Body {
        if self.openai { Body::OpenAi(openai(error)) } else { Body::Ours(self.ours(error)) }
    }

    fn ours(&self, error: &Error) -> Refusal {
        Refusal {
            error: error.row().name,
            message: error.message(),
            details: error.details(),
            timestamp: self.app.now(),
            request_id: self.request_id.clone(),
        }
    }
}

fn openai(error: &Error) -> problem::Body {
    let row = error.row();
    problem::Body {
        error: problem::Problem {
            message: error.message(),
            kind: row.kind,
            param: error.parameter().map(str::to_owned),
            code: row.code.map(str::to_owned),
        },
    }
}
