//! `GET /v1/models` and `GET /v1/models/{id}`

use axum::Json;
use openai::models::{List, Model};

use crate::App;
use crate::answer::Result;
use crate::extract::Path;

/// The models that can be asked.
#[utoipa::path(
    get,
    path = "/v1/models",
    operation_id = "list_models",
    tag = "OpenAI",
    responses((status = 200, description = "Each with its card.", body = List))
)]
pub(super) async fn list(app: App) -> Json<List> {
    let mut list: List = app.service.cards().iter().map(AsRef::as_ref).collect();
    list.data.extend(app.service.routes().map(|route| Model::choice(&route.id)));
    Json(list)
}

/// One model. An id holds slashes, sent as they are or as `%2F`.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    operation_id = "show_model",
    tag = "OpenAI",
    params(("id" = String, Path, description = "Of the model, or an alias.", example = "demo")),
    responses(
        (status = 200, description = "Its card.", body = Model),
        (status = 403, description = "forbidden_model"),
        (status = 404, description = "model_not_found")
    )
)]
pub(super) async fn show(app: App, Path(id): Path<String>) -> Result<Json<Model>> {
    let route = app.service.routes().find(|route| route.is_named(&id));
    Ok(Json(match route {
        Some(route) => Model::choice(&route.id),
        None => Model::from(&*app.service.allowed_card(&id)?),
    }))
}
