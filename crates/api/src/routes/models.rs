//! `GET /v1/models`, `GET /v1/models/{id}` and `POST /v1/models/{id}/reload`

use axum::Json;
use axum::extract::OriginalUri;
use axum::http::Method;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use openai::models::{List, Model};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::answer::{Error, Result};
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

/// Which version of a model answers from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reloaded {
    id: String,
    version: String,
    /// Another version answered before.
    changed: bool,
}

/// Looks for a newer version of a model where it comes from, and puts it in the place of the one that answers.
///
/// Requests that run keep theirs. If it cannot be loaded, the old one answers on. Of a model out of a file, the file's date says whether
/// it is a newer one.
#[utoipa::path(
    post,
    path = "/v1/models/{id}/reload",
    operation_id = "reload_model",
    tag = "OpenAI",
    params(("id" = String, Path, description = "Of the model, or an alias.", example = "demo")),
    responses(
        (status = 200, description = "The newest version answers.", body = Reloaded),
        (status = 400, description = "runs_elsewhere"),
        (status = 404, description = "model_not_found"),
        (status = 503, description = "not_reloaded")
    )
)]
pub(super) async fn reload(app: App, method: Method, OriginalUri(uri): OriginalUri, Path(path): Path<String>) -> Response {
    let Some(id) = path.strip_suffix(RELOAD) else {
        // A model itself.
        let refusal = Error::MethodNotAllowed { method: method.to_string(), path: uri.path().to_owned() };
        return ([(ALLOW, "GET,HEAD")], refusal).into_response();
    };
    let reloaded = app.service.reload(id).await;
    let told =
        |serving::Reloaded { card, changed }| Json(Reloaded { id: card.id.clone(), version: card.version.clone(), changed });
    reloaded.map(told).map_err(Error::from).into_response()
}

/// The end of a path whose beginning is an id, which holds slashes.
const RELOAD: &str = "/reload";
