//! `GET /health`, `/health/live`, `/health/ready`

use std::collections::BTreeMap;
use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::ModelState;
use jiff::Timestamp;
use serde::Serialize;
use serving::{Group, Health, ModelHealth, Status};
use utoipa::ToSchema;

use crate::App;

type Report<T> = (StatusCode, Json<T>);

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct Overview {
    /// `healthy`, `degraded` or `unhealthy`.
    #[schema(examples("healthy"))]
    status: &'static str,
    version: &'static str,
    /// Always `running`.
    #[schema(examples("running"))]
    api_status: &'static str,
    /// `loaded`, `loading`, `error` or `none`.
    #[schema(examples("loaded"))]
    model_status: &'static str,
    /// `available` or `unavailable`.
    #[schema(examples("unavailable"))]
    gpu_status: &'static str,
    /// The healthy ones that answer for each group; one in this process is named by its model.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    backends: BTreeMap<&'static str, Vec<String>>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    uptime_seconds: f64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Liveness)]
pub(super) struct Live {
    status: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(super) struct Ready {
    status: &'static str,
    /// From ids to states.
    #[schema(value_type = BTreeMap<String, String>)]
    models: BTreeMap<String, &'static str>,
    /// Why those models and adapters do not answer that do not, or not by their newest version.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reasons: BTreeMap<String, String>,
}

/// How the server is.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "show_health",
    tag = "about the server",
    responses(
        (status = 200, description = "It can answer, if not with every model.", body = Overview),
        (status = 503, description = "Nothing can answer.", body = Overview)
    )
)]
pub(super) async fn show(State(app): State<App>) -> Report<Overview> {
    let health = app.service.health();
    let overview = Overview {
        status: status_word(health.status()),
        version: app.settings.version,
        api_status: "running",
        model_status: model_status(&health),
        gpu_status: if app.service.metrics().has_gpus() { "available" } else { "unavailable" },
        backends: Group::ALL.map(|group| (group.as_str(), healthy(&health, group))).into(),
        timestamp: app.now(),
        uptime_seconds: app.uptime().as_secs_f64(),
    };
    report(health.status() != Status::Unhealthy, overview)
}

/// Whether the process runs and makes progress.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "show_liveness",
    tag = "about the server",
    responses(
        (status = 200, description = "It does.", body = Live),
        (status = 503, description = "It has to be started anew.", body = Live)
    )
)]
pub(super) async fn live(State(app): State<App>) -> Report<Live> {
    let alive = app.service.health().is_alive();
    report(alive, Live { status: if alive { "alive" } else { "stalled" } })
}

/// Whether a model can answer.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "show_readiness",
    tag = "about the server",
    responses(
        (status = 200, description = "At least one can; `accounts_unavailable`: for those whose keys were seen lately.", body = Ready),
        (status = 503, description = "None can, or the server is about to end.", body = Ready)
    )
)]
pub(super) async fn ready(State(app): State<App>) -> Report<Ready> {
    // Keys that were seen lately still open. Servers share their database: were they not ready without it, there would be none left.
    let accounts = app.service.accounts_answer();
    let health = app.service.health();
    let status = match () {
        () if health.is_ready() && accounts => "ready",
        () if health.is_ready() => "accounts_unavailable",
        () if health.draining => "draining",
        () if health.is_loading() => "loading",
        () => "not_ready",
    };
    let models = health.models.iter().map(|model| (model.id.clone(), state_word(model))).collect();
    let ready = health.is_ready();
    let mut reasons = health.adapters;
    reasons.extend(health.models.into_iter().filter_map(|model| Some((model.id, model.reason?))));
    report(ready, Ready { status, models, reasons })
}

fn report<T>(well: bool, body: T) -> Report<T> {
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

fn healthy(health: &Health, group: Group) -> Vec<String> {
    let healthy = health.members(group).filter(|model| model.can_answer());
    let here = |model: &ModelHealth| vec![format!("in-process:{}", model.id)];
    let mut seen = HashSet::new();
    let names = healthy.flat_map(|model| model.upstreams.clone().unwrap_or_else(|| here(model)));
    // Models may share a server.
    names.filter(|name| seen.insert(name.clone())).collect()
}

pub(super) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Healthy => "healthy",
        Status::Degraded => "degraded",
        Status::Unhealthy => "unhealthy",
    }
}

pub(super) fn state_word(model: &ModelHealth) -> &'static str {
    match model.state {
        _ if model.stalled => "stalled",
        ModelState::Ready if model.outdated => "outdated",
        ModelState::Ready => "ready",
        ModelState::Idle => "idle",
        ModelState::Loading => "loading",
        ModelState::Failed { .. } => "failed",
    }
}

/// Of all models, how the best is: one that is loaded can answer, whatever became of the others. One that waits to be asked for
/// is neither loaded nor an error.
fn model_status(health: &Health) -> &'static str {
    let any = |test: fn(&ModelState) -> bool| health.models.iter().any(|model| test(&model.state));
    if any(|state| *state == ModelState::Ready) {
        "loaded"
    } else if any(|state| *state == ModelState::Loading) {
        "loading"
    } else if health.models.is_empty() || any(|state| *state == ModelState::Idle) {
        "none"
    } else {
        "error"
    }
}
