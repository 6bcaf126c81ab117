//! Models that are kept as an adapter: what was trained on top of another model, which is fetched from the Hub.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::declared;
use crate::entry::Entry;
use crate::fetch::{FetchError, Fetched};
use crate::hub::HubModel;
use crate::{mlflow, peft, sources};

/// What PEFT writes of the model beneath.
#[derive(Deserialize)]
struct Settings {
    base_model_name_or_path: Option<String>,
    revision: Option<String>,
}

/// The model beneath, if what was fetched is an adapter.
pub(crate) fn base(fetched: &Path) -> Result<Option<HubModel>, FetchError> {
    // A directory may hold a whole model beside what was once trained on top of it.
    if fetched.join("config.json").is_file() {
        return Ok(None);
    }
    let path = fetched.join(peft::SETTINGS);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => return Ok(None),
        Err(source) => return Err(FetchError::Disk { path, source }),
    };
    let unfit = |why: String| FetchError::NotAModel(format!("{}: {why}", path.display()));
    let settings: Settings = serde_json::from_slice(&text).map_err(|error| unfit(error.to_string()))?;
    if let Some(model) = pinned(fetched).filter(|_| settings.revision.is_none()) {
        return Ok(Some(model));
    }
    let name = settings.base_model_name_or_path.unwrap_or_default();
    let revision = settings.revision.map(|revision| format!("@{revision}")).unwrap_or_default();
    let model = declared::hub(&name).filter(|model| model.file.is_none() && model.revision.is_none());
    let model = model.and_then(|_| declared::hub(&format!("{name}{revision}"))).ok_or_else(|| {
        unfit(format!(
            "it is an adapter for {name:?}{revision}, which is no model of the Hugging Face Hub; declare that model, and this among its `adapters:`"
        ))
    })?;
    Ok(Some(model))
}

/// The model beneath as it was when the adapter was logged, where MLflow has noted that. PEFT mostly leaves open which revision it
/// was, and `main` may be another by now.
fn pinned(fetched: &Path) -> Option<HubModel> {
    let settings = fs::read_to_string(fetched.join(mlflow::MLMODEL)).ok()?;
    declared::hub(&mlflow::source_model(&settings)?).filter(|model| model.revision.is_some() && model.file.is_none())
}

/// What was trained on top of a model, where MLflow has both.
pub(crate) fn beside(model: &Path) -> Option<PathBuf> {
    let adapter = model.join(mlflow::PEFT);
    peft::is_in(&adapter).then_some(adapter)
}

/// The model beneath, with what was trained on top of it.
pub(crate) fn local(entry: &Entry, fetched: &Fetched, base: &Fetched) -> Result<Entry, FetchError> {
    let version = Some(fetched.version.clone());
    Ok(Entry { version, adapter: Some(fetched.path.clone()), ..sources::local(entry, base)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_of(settings: &str) -> Result<Option<String>, String> {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(peft::SETTINGS), settings).unwrap();
        let directory = place.path().display().to_string();
        let base = base(place.path()).map_err(|error| error.to_string().replace(&directory, ""));
        base.map(|base| base.map(|base| base.to_string()))
    }

    #[test]
    fn an_adapter_says_what_it_is_for() {
        let settings = r#"{"base_model_name_or_path": "org/model", "revision": null, "r": 8}"#;
        assert_eq!(base_of(settings), Ok(Some("org/model".into())));
        let settings = r#"{"base_model_name_or_path": "gpt2", "revision": "v2"}"#;
        assert_eq!(base_of(settings), Ok(Some("gpt2@v2".into())));
    }

    #[test]
    fn the_commit_that_mlflow_has_noted_is_taken_where_the_adapter_names_none() {
        let place = tempfile::tempdir().unwrap();
        let base = |settings: &str, noted: &str| {
            fs::write(place.path().join(peft::SETTINGS), settings).unwrap();
            fs::write(place.path().join(mlflow::MLMODEL), format!("flavors:\n  transformers:\n{noted}")).unwrap();
            base(place.path()).unwrap().unwrap().to_string()
        };
        let noted = "    source_model_name: org/model\n    source_model_revision: 0123abc\n";
        let (open, explicit) = (
            r#"{"base_model_name_or_path": "org/model", "revision": null}"#,
            r#"{"base_model_name_or_path": "org/model", "revision": "v2"}"#,
        );
        assert_eq!(base(open, noted), "org/model@0123abc");
        assert_eq!(base(explicit, noted), "org/model@v2");
        assert_eq!(base(open, "    source_model_name: /opt/model\n"), "org/model");
        assert_eq!(base(open, "    source_model_name: org/other\n"), "org/model");
    }

    #[test]
    fn what_is_no_adapter_has_nothing_beneath() {
        let place = tempfile::tempdir().unwrap();
        assert!(base(place.path()).unwrap().is_none());
        for name in [peft::SETTINGS, "config.json"] {
            fs::write(place.path().join(name), r#"{"base_model_name_or_path": "org/model"}"#).unwrap();
        }
        assert!(base(place.path()).unwrap().is_none(), "a whole model");
        let file = place.path().join("model.gguf");
        fs::write(&file, "").unwrap();
        assert!(base(&file).unwrap().is_none());
    }

    #[test]
    fn one_for_a_model_that_only_its_trainer_has_is_refused() {
        for name in ["/opt/llama", "../llama", "", "org/model@v2"] {
            let refused = base_of(&format!(r#"{{"base_model_name_or_path": {name:?}}}"#)).unwrap_err();
            assert!(
                refused.contains(&format!("it is an adapter for {name:?}, which is no model of the Hugging Face Hub")),
                "{refused}"
            );
        }
        assert!(base_of("{").unwrap_err().starts_with("/adapter_config.json: EOF"));
    }
}
