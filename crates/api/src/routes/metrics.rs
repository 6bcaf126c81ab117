//! `GET /metrics`

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use telemetry::Metrics;

use crate::App;

/// Measurements, as Prometheus reads them.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "show_metrics",
    tag = "about the server",
    responses((status = 200, description = "One line a value.", body = String, content_type = Metrics::CONTENT_TYPE))
)]
pub(super) async fn show(State(app): State<App>) -> impl IntoResponse {
    let text = app.service.metrics().encode(app.service.readings());
    ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text)
}
