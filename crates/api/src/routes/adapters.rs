//! `/v1/lora_adapters`, `/v1/load_lora_adapter`, `/v1/unload_lora_adapter`: vLLM's names.

use axum::Json as Answer;
use axum::extract::State;
use openai::body::{Fields, refuse_leftovers, take};
use openai::models::List;
use openai::{Body, Error as Wrong};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::answer::Error;
use crate::extract::Json;

/// Which adapter, and where below the adapter root it lies.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LoadRequest {
    #[schema(value_type = String, min_length = 1)]
    lora_name: Option<String>,
    #[schema(value_type = String, min_length = 1)]
    lora_path: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UnloadRequest {
    #[schema(value_type = String, min_length = 1)]
    lora_name: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// The models that belong to another.
#[utoipa::path(
    get,
    path = "/v1/lora_adapters",
    operation_id = "list_lora_adapters",
    tag = "adapters",
    responses((status = 200, description = "Each with its card.", body = List))
)]
pub(crate) async fn list(State(app): State<App>) -> Answer<List> {
    let cards = app.service.cards();
    Answer(cards.iter().map(AsRef::as_ref).filter(|card| card.parent.is_some()).collect())
}

/// Loads an adapter.
///
/// Paths come from the operator alone, and no root is set below which a client could name one.
#[utoipa::path(
    post,
    path = "/v1/load_lora_adapter",
    operation_id = "load_lora_adapter",
    tag = "adapters",
    request_body(content = LoadRequest, example = json!({"lora_name": "legal", "lora_path": "legal"})),
    responses((status = 403, description = "no_adapter_root"))
)]
pub(crate) async fn load(Json(LoadRequest { .. }): Json<LoadRequest>) -> Error {
    Error::NoAdapterRoot
}

/// Unloads an adapter.
///
/// What nobody could load, nobody can unload.
#[utoipa::path(
    post,
    path = "/v1/unload_lora_adapter",
    operation_id = "unload_lora_adapter",
    tag = "adapters",
    request_body(content = UnloadRequest, example = json!({"lora_name": "legal"})),
    responses((status = 403, description = "no_adapter_root"))
)]
pub(crate) async fn unload(Json(UnloadRequest { .. }): Json<UnloadRequest>) -> Error {
    Error::NoAdapterRoot
}

impl Body for LoadRequest {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let request: Self = take(fields)?;
        refuse_leftovers(&request.rest)?;
        given("lora_name", request.lora_name.as_deref())?;
        given("lora_path", request.lora_path.as_deref())?;
        Ok(request)
    }
}

impl Body for UnloadRequest {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let request: Self = take(fields)?;
        refuse_leftovers(&request.rest)?;
        given("lora_name", request.lora_name.as_deref())?;
        Ok(request)
    }
}

fn given(field: &str, text: Option<&str>) -> Result<(), Wrong> {
    match text {
        None => Err(Wrong::missing(field)),
        Some("") => Err(Wrong::invalid(field, "must not be empty")),
        Some(_) => Ok(()),
    }
}
