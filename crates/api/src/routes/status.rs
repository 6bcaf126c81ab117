//! `GET /status`: the short form of `/health`, and 200 as long as somebody answers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::health::{state_word, status_word};
use crate::App;

/// The short form of `/health`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct Summary {
    status: &'static str,
    version: &'static str,
    uptime_seconds: f64,
    /// From ids to states.
    #[schema(value_type = BTreeMap<String, String>)]
    models: BTreeMap<String, &'static str>,
}

#[utoipa::path(
    get,
    path = "/status",
    operation_id = "show_status",
    tag = "about the server",
    responses((status = 200, description = "Whether and how long it runs.", body = Summary))
)]
pub(crate) async fn show(State(app): State<App>) -> Json<Summary> {
    let health = app.service.health();
    Json(Summary {
        status: status_word(health.status()),
        version: app.settings.version,
        uptime_seconds: app.uptime().as_secs_f64(),
        models: health.models.iter().map(|model| (model.id.clone(), state_word(model))).collect(),
    })
}
