//! `GET /`: where to go from here, for programs and for people.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, HOST};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::App;

const PAGE: &str = include_str!("home.html");

pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    if wants_html(&headers) {
        return Html(page(&app, &headers)).into_response();
    }
    let version = app.settings.version;
    let message = format!("llm-inference-api {version}: chat completions are at POST /v1/chat/completions");
    Json(json!({"message": message, "docs": "/docs", "health": "/health"})).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn page(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost:8091");
    let cards = app.service.cards();
    let first = cards.first().map_or("", |card| card.id.as_str());
    let models: String = cards.iter().map(|card| row(&card.id, &card.description)).collect();
    PAGE.replace("{{version}}", app.settings.version)
        .replace("{{host}}", &escape(host))
        .replace("{{models}}", &models)
        .replace("{{model}}", &escape(first))
}

fn row(id: &str, description: &str) -> String {
    format!("<tr><td><code>{}</code></td><td>{}</td></tr>", escape(id), escape(description))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
