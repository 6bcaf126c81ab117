//! `GET /info`: what is served, and where it comes from.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use backend::ModelCard;
use jiff::Timestamp;
use serde::Serialize;
use serving::Group;
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
    let models = app.service.cards().iter().map(|card| ModelInfo::from(&**card)).collect();
    Ok(Json(Info { model: ModelInfo::from(&*default), models }))
}

impl From<&ModelCard> for ModelInfo {
    fn from(card: &ModelCard) -> Self {
        Self {
            name: card.id.clone(),
            version: card.version.clone(),
            description: card.description.clone(),
            context_length: card.context_length,
            stage: None,
            run_id: None,
            uri: None,
            parameters: BTreeMap::new(),
            metrics: BTreeMap::new(),
            tags: BTreeMap::new(),
            created: Timestamp::try_from(card.created).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}
