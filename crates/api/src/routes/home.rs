//! `GET /`: where to go from here, for programs and for people.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, VARY};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::console;
use crate::App;

/// What a program is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Home {
    message: String,
    /// The path of this documentation.
    docs: &'static str,
    health: &'static str,
}

/// Where to go from here.
///
/// A browser, which asks for `text/html`, gets the console, a page from which the server is tried and watched.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "show_home",
    tag = "about the server",
    responses((
        status = 200,
        description = "Where to look next.",
        content((Home = "application/json"), (String = "text/html"))
    ))
)]
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let differs = [(VARY, "accept")];
    if wants_html(&headers) {
        return (differs, console::page()).into_response();
    }
    let version = app.settings.version;
    let message = format!("llm-inference-api {version}: chat completions are at POST /v1/chat/completions");
    (differs, Json(Home { message, docs: "/docs", health: "/health" })).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}
