//! `GET /api/llms`: the models there are.

use axum::Json;
use backend::Task;
use serde::Serialize;
use serving::{Group, Offer};
use utoipa::ToSchema;

use crate::App;

/// One model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Llm {
    id: String,
    /// The id's last part, for people.
    name: String,
    description: String,
    /// Bytes of its weights.
    size: u64,
    /// What it is there for: `generate`, `chat`, `stream`, `text2sql`, `classify`, `embed`.
    #[schema(value_type = Vec<String>)]
    capabilities: Vec<&'static str>,
}

/// The models there are.
#[utoipa::path(
    get,
    path = "/api/llms",
    operation_id = "list_llms",
    tag = "local",
    responses((status = 200, description = "Each with its size in bytes and what it can do.", body = Vec<Llm>))
)]
pub(crate) async fn list(app: App) -> Json<Vec<Llm>> {
    Json(app.service.offers().into_iter().map(Llm::from).collect())
}

impl From<Offer> for Llm {
    fn from(Offer { card, groups }: Offer) -> Self {
        let mut capabilities = match card.task {
            Task::Generate => vec!["generate", "chat", "stream"],
            Task::Classify => vec!["classify", "chat", "stream"],
            Task::Embed => vec!["embed"],
        };
        if card.task == Task::Generate && groups.contains(&Group::TextToSql) {
            capabilities.push("text2sql");
        }
        let name = card.id.rsplit('/').next().unwrap_or_default().to_owned();
        Self { id: card.id.clone(), name, description: card.description.clone(), size: card.size, capabilities }
    }
}
