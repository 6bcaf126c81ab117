//! Writes the body of a refusal: OpenAI's where clients expect it, elsewhere ours.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::observe::{Refused, TurnedAway};
use crate::App;
use crate::answer::Error;
use crate::refusal::Manner;

/// Official clients look at it before they look at anything else.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

fn is_about_the_body(name: &HeaderName) -> bool {
    *name == CONTENT_TYPE || *name == CONTENT_LENGTH
}

pub(super) async fn refuse(app: &App, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let manner = Manner::of(app, request.uri().path(), request.extensions());
    let mut response = next(request).await;
    let Some(error) = response.extensions_mut().remove::<Arc<Error>>() else { return response };
    if let Some(reason) = error.bug() {
        tracing::error!(reason, "a request has failed");
    }
    let mut refused = (error.row().status, Json(manner.body(&error))).into_response();
    // Which model it was stays known to who counts.
    *refused.extensions_mut() = std::mem::take(response.extensions_mut());
    refused.extensions_mut().insert(Refused(error.row().name));
    if error.is_drained() {
        refused.extensions_mut().insert(TurnedAway);
    }
    // What was said besides: which methods there are, and how much is left.
    let own = std::mem::take(response.headers_mut()).into_iter();
    let said = own.filter_map(|(name, value)| Some((name?, value))).filter(|(name, _)| !is_about_the_body(name));
    refused.headers_mut().extend(said);
    if error.row().status == StatusCode::UNAUTHORIZED {
        refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.is_final() {
        refused.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(wait) = error.retry_after() {
        // Whole seconds, rounded up: a client that waits so long does not come too early.
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    refused
}
