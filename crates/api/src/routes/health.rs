//! `GET /health`, `/health/live`, `/health/ready`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::ModelState;
use jiff::Timestamp;
use serde::Serialize;
use serving::{Group, Health, ModelHealth, Status};

use crate::App;

type Report<T> = (StatusCode, Json<T>);

#[derive(Debug, Serialize)]
pub(super) struct Overview {
    status: &'static str,
    version: &'static str,
    api_status: &'static str,
    model_status: &'static str,
    gpu_status: &'static str,
    /// The healthy ones that answer for each group; one in this process is named by its model.
    backends: BTreeMap<&'static str, Vec<String>>,
    timestamp: Timestamp,
    uptime_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Live {
    status: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Ready {
    status: &'static str,
    models: BTreeMap<String, &'static str>,
}

pub(super) async fn show(State(app): State<App>) -> Report<Overview> {
    let health = app.service.health();
    let overview = Overview {
        status: status_word(health.status()),
        version: app.settings.version,
        api_status: "running",
        model_status: model_status(&health),
        gpu_status: "unavailable",
        backends: Group::ALL.map(|group| (group.as_str(), healthy(&health, group))).into(),
        timestamp: app.now(),
        uptime_seconds: app.uptime().as_secs_f64(),
    };
    report(health.status() != Status::Unhealthy, overview)
}

pub(super) async fn live(State(app): State<App>) -> Report<Live> {
    let alive = app.service.health().is_alive();
    report(alive, Live { status: if alive { "alive" } else { "stalled" } })
}

pub(super) async fn ready(State(app): State<App>) -> Report<Ready> {
    // Keys that were seen lately still open, but nobody new can be let in.
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
    report(health.is_ready() && accounts, Ready { status, models })
}

fn report<T>(well: bool, body: T) -> Report<T> {
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

fn healthy(health: &Health, group: Group) -> Vec<String> {
    let healthy = health.members(group).filter(|model| model.can_answer());
    let here = |model: &ModelHealth| vec![format!("in-process:{}", model.id)];
    healthy.flat_map(|model| model.upstreams.clone().unwrap_or_else(|| here(model))).collect()
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
