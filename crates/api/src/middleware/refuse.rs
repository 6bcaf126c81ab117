//! Writes the body of a refusal: OpenAI's where clients expect it, elsewhere ours.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::observe::Refused;
use crate::App;
use crate::answer::Error;
use crate::refusal::Manner;

pub(crate) async fn refuse(State(app): State<App>, request: Request, next: Next) -> Response {
    let manner = Manner::of(&app, request.uri().path(), request.extensions());
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<Arc<Error>>() else { return response };
    if let Some(reason) = error.bug() {
        tracing::error!(reason, "a request has failed");
    }
    let mut refused = (error.row().status, Json(manner.body(&error))).into_response();
    // Which model it was stays known to who counts.
    *refused.extensions_mut() = std::mem::take(response.extensions_mut());
    refused.extensions_mut().insert(Refused(error.row().name));
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        refused.headers_mut().insert(ALLOW, allow);
    }
    if let Some(wait) = error.retry_after() {
        // Whole seconds, rounded up: a client that waits so long does not come too early.
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    refused
}
