//! `GET /info`: what is served, and where it comes from.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use backend::ModelCard;
use jiff::Timestamp;
use serde::Serialize;
use serving::{Group, Registered};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::App;
use crate::answer::Result;

/// The default model, and all of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Info {
    #[serde(flatten)]
    model: ModelInfo,
    models: Vec<ModelInfo>,
}

/// One model. What only a registry could tell is null, or empty, for a model out of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelInfo {
    name: String,
    version: String,
    description: String,
    context_length: u32,
    stage: Option<String>,
    aliases: Vec<String>,
    run_id: Option<String>,
    uri: Option<String>,
    parameters: BTreeMap<String, String>,
    metrics: BTreeMap<String, f64>,
    tags: BTreeMap<String, String>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
}

/// What is served, and where it comes from.
#[utoipa::path(
    get,
    path = "/info",
    operation_id = "show_info",
    tag = "about the server",
    responses((status = 200, description = "The default model, and all of them.", body = Info), (status = 503, description = "service_unavailable"))
)]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<Info>> {
    let default = app.service.card(&app.service.name(None, Group::Chat)?)?;
    // What registries have said is in files.
    let info = spawn_blocking(move || {
        let models = app.service.cards().iter().map(|card| ModelInfo::of(&app, card)).collect();
        Info { model: ModelInfo::of(&app, &default), models }
    });
    Ok(Json(info.await.map_err(backend::Error::internal)?))
}

impl ModelInfo {
    fn of(app: &App, card: &ModelCard) -> Self {
        let registered = app.service.registered(&card.id).unwrap_or_default();
        let Registered { uri, created, stage, aliases, run_id, parameters, metrics, tags } = registered;
        Self {
            name: card.id.clone(),
            version: card.version.clone(),
            description: card.description.clone(),
            context_length: card.context_length,
            stage,
            aliases,
            run_id,
            uri: Some(uri).filter(|uri| !uri.is_empty()),
            parameters,
            metrics,
            tags,
            created: Timestamp::try_from(created.unwrap_or(card.created)).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}
