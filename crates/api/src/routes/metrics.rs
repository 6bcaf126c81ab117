//! `GET /metrics`

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use telemetry::Metrics;

use crate::App;

pub(super) async fn show(State(app): State<App>) -> impl IntoResponse {
    let text = app.service.metrics().encode(app.service.readings());
    ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text)
}
