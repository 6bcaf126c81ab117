//! `GET /v1/models` and `GET /v1/models/{id}`

use axum::Json;
use openai::models::{List, Model};

use crate::App;
use crate::answer::Result;
use crate::extract::Path;

pub(super) async fn list(app: App) -> Json<List> {
    Json(app.service.cards().iter().map(AsRef::as_ref).collect())
}

/// An id holds slashes, sent as they are or as `%2F`.
pub(super) async fn show(app: App, Path(id): Path<String>) -> Result<Json<Model>> {
    Ok(Json(Model::from(&*app.service.allowed_card(&id)?)))
}
