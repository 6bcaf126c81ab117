//! What a registry says of a model beside its files.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// One version of a model. What the registry does not say is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registered {
    /// `models:/name/3`, whichever way it was asked for.
    pub uri: String,
    /// When this version was.
    pub created: Option<SystemTime>,
    pub stage: Option<String>,
    pub aliases: Vec<String>,
    /// The run that made it.
    pub run_id: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub metrics: BTreeMap<String, f64>,
    pub tags: BTreeMap<String, String>,
}

impl Registered {
    /// As `model-versions/get` has it.
    pub(super) fn of_version(name: &str, version: &Value) -> Self {
        let text = |field: &str| version[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            uri: format!("models:/{name}/{}", version["version"].as_str().unwrap_or_default()),
            created: date(&version["creation_timestamp"]),
            // MLflow's word for none.
            stage: text("current_stage").filter(|stage| stage != "None"),
            aliases: list(&version["aliases"]).iter().filter_map(as_text).collect(),
            run_id: text("run_id"),
            tags: pairs(&version["tags"], as_text),
            ..Self::default()
        }
    }

    /// As `logged-models/{id}` has it.
    pub(super) fn of_logged(id: &str, model: &Value) -> Self {
        let info = &model["info"];
        let created = date(&info["creation_timestamp_ms"]);
        let of = Self { uri: format!("models:/{id}"), created, tags: pairs(&info["tags"], as_text), ..Self::default() };
        of.logged_as(model)
    }

    /// As it is kept in the cache.
    pub(super) fn kept(&self) -> Value {
        let Self { uri, created, stage, aliases, run_id, parameters, metrics, tags } = self;
        let created = created.and_then(|created| created.duration_since(SystemTime::UNIX_EPOCH).ok());
        let created = created.map(|created| created.as_millis() as u64);
        json!({
            "uri": uri, "created": created, "stage": stage, "aliases": aliases, "run_id": run_id, "parameters": parameters, "metrics": metrics,
            "tags": tags
        })
    }

    /// From there.
    pub(super) fn of_kept(kept: &Value) -> Self {
        Self {
            uri: kept["uri"].as_str().unwrap_or_default().to_owned(),
            created: date(&kept["created"]),
            stage: as_text(&kept["stage"]),
            aliases: list(&kept["aliases"]).iter().filter_map(as_text).collect(),
            run_id: as_text(&kept["run_id"]),
            parameters: map(&kept["parameters"], as_text),
            metrics: map(&kept["metrics"], Value::as_f64),
            tags: map(&kept["tags"], as_text),
        }
    }

    /// With what was noted when its files were logged.
    pub(super) fn logged_as(mut self, model: &Value) -> Self {
        let run = model["info"]["source_run_id"].as_str().filter(|id| !id.is_empty());
        self.run_id = self.run_id.or_else(|| run.map(str::to_owned));
        self.noted(&model["data"])
    }

    /// With what was noted of the run that made it.
    pub(super) fn noted(mut self, data: &Value) -> Self {
        self.parameters.extend(pairs(&data["params"], as_text));
        self.metrics.extend(pairs(&data["metrics"], Value::as_f64));
        self
    }
}

/// Milliseconds since 1970; protobuf has large numbers as texts.
fn date(value: &Value) -> Option<SystemTime> {
    let millis = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

fn as_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// `[{"key": …, "value": …}]`
fn pairs<T>(pairs: &Value, value: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
    list(pairs).iter().filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), value(&pair["value"])?))).collect()
}

fn map<T>(map: &Value, value: impl Fn(&Value) -> Option<T>) -> BTreeMap<String, T> {
    let entries = map.as_object().into_iter().flatten();
    entries.filter_map(|(key, entry)| Some((key.clone(), value(entry)?))).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_said() {
        let logged = json!({"info": {"source_run_id": "r1", "tags": []}, "data": {"params": [{"key": "r", "value": "16"}]}});
        let version = json!({
            "version": "3", "current_stage": "Production", "aliases": ["champion"], "run_id": "",
            "tags": [{"key": "team", "value": "finance"}, {"key": "odd"}]
        });
        let noted = json!({"metrics": [{"key": "loss", "value": 0.5}]});
        let said = Registered::of_version("sql", &version).logged_as(&logged).noted(&noted);
        assert_eq!((said.uri.as_str(), said.stage.as_deref()), ("models:/sql/3", Some("Production")));
        assert_eq!((said.run_id.as_deref(), said.metrics["loss"], said.tags.len()), (Some("r1"), 0.5, 1));
        assert_eq!(Registered::of_kept(&said.kept()), said);
    }
}
