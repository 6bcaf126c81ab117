//! `/v1/lora_adapters`, `/v1/load_lora_adapter`, `/v1/unload_lora_adapter`: vLLM's names and bodies.

use axum::Json as Answer;
use openai::body::{Fields, refuse_leftovers, take};
use openai::models::List;
use openai::{Body, Error as Wrong};
use serde::Deserialize;
use serving::{AdapterSource, LoadAdapter};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::App;
use crate::answer::{Error, Result};
use crate::extract::Json;

/// What the source of an adapter in the registry begins with. The registry is the one that whoever runs the server has named.
const MLFLOW: &str = "mlflow:";
/// As long as a name may be.
const LONGEST_NAME: usize = 256;

/// Which adapter, and where below the adapter root it lies.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LoadRequest {
    /// What it is asked for by, in place of a model.
    #[schema(value_type = String, min_length = 1, max_length = 256)]
    lora_name: Option<String>,
    /// A directory as PEFT saves it or a GGUF file, below the adapter root; a version in MLflow, `mlflow:models:/name/stage`; or the
    /// source of an adapter of the settings file, as it stands there. What is loaded so is not renewed by itself: `load_inplace` does
    /// that.
    #[schema(value_type = String, min_length = 1)]
    lora_path: Option<String>,
    /// Whether it may take the place of one of the same name. What runs is answered by that to the end.
    #[serde(default)]
    load_inplace: bool,
    /// The model that it is for. Absent: that of the adapter which it takes the place of, or the default one.
    base_model_name: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UnloadRequest {
    #[schema(value_type = String, min_length = 1, max_length = 256)]
    lora_name: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// The adapters that can be asked.
#[utoipa::path(
    get,
    path = "/v1/lora_adapters",
    operation_id = "list_lora_adapters",
    tag = "adapters",
    responses((status = 200, description = "Each with its card.", body = List))
)]
pub(crate) async fn list(app: App) -> Answer<List> {
    let cards = app.service.cards();
    Answer(cards.iter().map(AsRef::as_ref).filter(|card| card.parent.is_some()).collect())
}

/// Loads an adapter, which is in memory when the answer comes.
#[utoipa::path(
    post,
    path = "/v1/load_lora_adapter",
    operation_id = "load_lora_adapter",
    tag = "adapters",
    request_body(content = LoadRequest, example = json!({"lora_name": "legal", "lora_path": "legal"})),
    responses(
        (status = 200, description = "It can be asked.", body = String, content_type = "text/plain"),
        (status = 403, description = "no_adapter_root"),
        (status = 404, description = "model_not_found"),
        (status = 503, description = "service_unavailable")
    )
)]
pub(crate) async fn load(app: App, Json(request): Json<LoadRequest>) -> Result<String> {
    let LoadRequest { lora_name, lora_path, load_inplace: in_place, base_model_name: model, rest: _ } = request;
    let (id, path) = (lora_name.unwrap_or_default(), lora_path.unwrap_or_default());
    let source = match app.service.declared_adapter(&path) {
        Some(source) => source,
        None if path.starts_with(MLFLOW) => AdapterSource::new(path),
        None => below_root(&app, path).await?,
    };
    app.service.load_adapter(LoadAdapter { id: id.clone(), model, source, in_place }).await?;
    Ok(format!("Success: LoRA adapter '{id}' added successfully."))
}

async fn below_root(app: &App, path: String) -> Result<AdapterSource> {
    let root = app.settings.adapter_root.clone().ok_or(Error::NoAdapterRoot)?;
    let source = spawn_blocking(move || AdapterSource::below(&root, &path)).await.map_err(backend::Error::internal)?;
    // The answer is the same whether something is outside or not there.
    source.ok_or_else(|| {
        let reason = "does not lead to an adapter's directory or GGUF file below the adapter root";
        Wrong::invalid("lora_path", reason).into()
    })
}

/// Unloads an adapter. What runs is answered to the end.
#[utoipa::path(
    post,
    path = "/v1/unload_lora_adapter",
    operation_id = "unload_lora_adapter",
    tag = "adapters",
    request_body(content = UnloadRequest, example = json!({"lora_name": "legal"})),
    responses(
        (status = 200, description = "It cannot be asked any more.", body = String, content_type = "text/plain"),
        (status = 404, description = "adapter_not_found")
    )
)]
pub(crate) async fn unload(app: App, Json(request): Json<UnloadRequest>) -> Result<String> {
    let id = request.lora_name.unwrap_or_default();
    app.service.unload_adapter(&id)?;
    Ok(format!("Success: LoRA adapter '{id}' removed successfully."))
}

impl Body for LoadRequest {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let request: Self = take(fields)?;
        refuse_leftovers(&request.rest)?;
        check_name(request.lora_name.as_deref())?;
        match request.lora_path.as_deref() {
            None => Err(Wrong::missing("lora_path")),
            Some("") => Err(Wrong::invalid("lora_path", "must not be empty")),
            Some(_) => Ok(request),
        }
    }
}

impl Body for UnloadRequest {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let request: Self = take(fields)?;
        refuse_leftovers(&request.rest)?;
        check_name(request.lora_name.as_deref())?;
        Ok(request)
    }
}

/// Whatever can be a model's name in the settings.
fn check_name(name: Option<&str>) -> Result<(), Wrong> {
    let name = name.ok_or_else(|| Wrong::missing("lora_name"))?;
    let plain = name.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != ',');
    if name.is_empty() || name == "*" || name.len() > LONGEST_NAME || !plain {
        let message = format!("must be the name of a model: 1 to {LONGEST_NAME} characters, without spaces and commas");
        return Err(Wrong::invalid("lora_name", message));
    }
    Ok(())
}
