//! `GET /metrics`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::IntoResponse;
use telemetry::Exposition;

use crate::App;

/// Measurements, as Prometheus reads them: OpenMetrics for whoever asks for it, else the older text.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "show_metrics",
    tag = "about the server",
    responses((status = 200, description = "One line a value.", content(
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    )))
)]
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> impl IntoResponse {
    let accepted: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let exposition = Exposition::accepted(&accepted.join(","));
    let text = exposition.write(app.service.metrics().encode(app.service.readings()));
    ([(CONTENT_TYPE, exposition.content_type()), (VARY, ACCEPT.as_str())], text)
}
