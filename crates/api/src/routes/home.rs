//! `GET /`: where to go from here, for programs and for people.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::extract::BaseUrl;

/// What a program is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Home {
    message: String,
    /// The path of this documentation.
    docs: &'static str,
    health: &'static str,
}

const PAGE: &str = include_str!("home.html");

/// Where to go from here.
///
/// A browser, which asks for `text/html`, gets a page.
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
pub(super) async fn show(State(app): State<App>, BaseUrl(url): BaseUrl, headers: HeaderMap) -> Response {
    if wants_html(&headers) {
        return Html(page(&app, &url)).into_response();
    }
    let version = app.settings.version;
    let message = format!("llm-inference-api {version}: chat completions are at POST /v1/chat/completions");
    Json(Home { message, docs: "/docs", health: "/health" }).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn page(app: &App, url: &str) -> String {
    let cards = app.service.cards();
    let first = cards.first().map_or("", |card| card.id.as_str());
    let models: String = cards.iter().map(|card| row(&card.id, &card.description)).collect();
    PAGE.replace("{{version}}", app.settings.version)
        .replace("{{url}}", &escape(url))
        .replace("{{models}}", &models)
        .replace("{{model}}", &escape(first))
}

fn row(id: &str, description: &str) -> String {
    format!("<tr><td><code>{}</code></td><td>{}</td></tr>", escape(id), escape(description))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
