//! Where models come from, and the one that MLflow's variables alone name.

use std::path::Path;

use registry::{Declared, MlFlowModel, Origin};
use serving::{Defaults, Group};

use super::arguments::RegistryArguments;
use super::choice::{Choice, Said};
use super::defaults;
use super::file::Place;
use super::names::RegistryValues;
use super::parse;
use super::placement::Placement;
use super::problem::Problem;
use super::types::{DeclaredModel, RegistrySettings};

pub(super) fn resolve_registry(
    choice: &mut Choice,
    arguments: RegistryArguments,
    said: RegistryValues<Said>,
    cache_home: &Path,
) -> RegistrySettings {
    let RegistryArguments {
        hf_home,
        hf_endpoint,
        hf_token,
        hf_hub_offline,
        mlflow_tracking_uri,
        mlflow_model_name,
        mlflow_model_stage,
        mlflow_refresh_seconds,
        mlflow_username,
        mlflow_password,
        mlflow_token,
    } = arguments;
    let some_name = |text: &str| parse::name(text).map(Some);
    let some_model = |text: &str| parse::model_id(text).map(Some);
    let (name, stage) = (mlflow_model_name.map(Some), mlflow_model_stage);
    RegistrySettings {
        home: choice.of(hf_home, said.home, parse::path, cache_home.join("huggingface")),
        endpoint: choice.of(hf_endpoint, said.endpoint, parse::server, defaults::HUB.to_owned()),
        hub_token: choice.secret(hf_token, said.hub_token, parse::secret),
        offline: choice.of(hf_hub_offline.then_some(true), said.offline, parse::boolean, false),
        tracking_uri: choice.secret(mlflow_tracking_uri, said.tracking_uri, parse::secret),
        model_name: choice.of(name, said.model_name, some_model, None),
        model_stage: choice.of(stage, said.model_stage, parse::name, defaults::MODEL_STAGE.to_owned()),
        refresh: choice.of(mlflow_refresh_seconds, said.refresh, parse::seconds, defaults::REFRESH_MODELS),
        user: choice.of(mlflow_username.map(Some), said.user, some_name, None),
        password: choice.secret(mlflow_password, said.password, parse::secret),
        tracking_token: choice.secret(mlflow_token, said.tracking_token, parse::secret),
    }
}

/// Puts the model that MLflow's settings name before those of the catalogue. A catalogue that has this name means the same model
/// with more to say of it.
pub(super) fn declare_registered(
    choice: &mut Choice,
    registry: &RegistrySettings,
    declared: Vec<DeclaredModel>,
) -> Vec<DeclaredModel> {
    let RegistrySettings { model_name, model_stage, .. } = registry;
    let Some(name) = &model_name.value else { return declared };
    if declared.iter().any(|model| model.id == *name || model.aliases.contains(name)) {
        return declared;
    }
    let Ok(model) = MlFlowModel::in_stage(name, &model_stage.value) else {
        let (name, stage) = (model_name.said(), model_stage.said());
        choice.problems.push(Problem::NotInMlFlow { name, stage });
        return declared;
    };
    let registered = DeclaredModel {
        id: name.clone(),
        aliases: Vec::new(),
        source: Declared::Origin(Origin::MlFlow(model)),
        quantization: None,
        placement: Placement::default(),
        max_tokens: None,
        defaults: Defaults::default(),
        group: Group::default(),
        remote: None,
        fallbacks: Vec::new(),
        adapters: Vec::new(),
        place: Place { file: model_name.said().into(), line: 0 },
    };
    std::iter::once(registered).chain(declared).collect()
}

/// A model of MLflow, and nobody said where MLflow is. Other programs of MLflow know addresses that are no servers; where no model comes
/// from one they do no harm.
pub(super) fn no_tracking_uri(registry: &RegistrySettings, declared: &[DeclaredModel]) -> Option<Problem> {
    let is_there = |model: &&DeclaredModel| matches!(model.source, Declared::Origin(Origin::MlFlow(_)));
    let model = declared.iter().find(is_there)?;
    let (uri, place) = (&registry.tracking_uri, model.place.to_string());
    match &uri.value {
        None => Some(Problem::NoTrackingUri { place, id: model.id.clone(), variable: uri.names.name() }),
        Some(address) if !is_server(address.reveal()) => {
            Some(Problem::NoTrackingServer { place, id: model.id.clone(), name: uri.said() })
        }
        Some(_) => None,
    }
}

/// There may be a name and a password before the host.
fn is_server(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.rsplit_once('@').map_or(rest, |(_, host)| host).is_empty())
}
