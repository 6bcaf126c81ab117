//! Variables of the contract that this version does not act on yet. To pass over one in silence would be a lie; to pass
//! over one that protects the server would be a hole.

use std::collections::BTreeMap;

use super::parse;

/// Set, and this version cannot do it: starting would leave the server less protected than its owner believes.
const PROTECTING: [(&str, &str); 4] = [
    ("API_KEY", "this version checks no keys yet, so everybody could use the server"),
    ("LLM_API_KEYS_FILE", "this version checks no keys yet, so everybody could use the server"),
    ("SERVER_SSL_ENABLED", "this version speaks plain HTTP only; put a TLS proxy before it"),
    ("TRUSTED_HOSTS", "this version answers whatever Host a request names; let a proxy before it check that"),
];

/// Set, and nothing happens.
const WITHOUT_EFFECT: [&str; 22] = [
    "CUDA_VISIBLE_DEVICES",
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "LLM_ADAPTER_ROOT",
    "LLM_CONFIG",
    "LLM_DATABASE_URL",
    "LLM_DATA_DIR",
    "LLM_QUANTIZATION",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MODEL_NAME",
    "MODEL_STAGE",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "SERVICE_NAME",
    "TLS_SERVER_CERT_PATH",
    "TLS_SERVER_KEY_PATH",
    "TRUSTED_PROXIES",
];

/// What is set beyond the variables that this version acts on. Names only: some of the values are secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// Each with the reason why the server must not start.
    pub(crate) protecting: Vec<(&'static str, &'static str)>,
    pub(crate) without_effect: Vec<&'static str>,
    /// They begin as ours do, but there are none of these names.
    pub(crate) unknown: Vec<String>,
}

impl Beyond {
    pub(crate) fn take(variables: &BTreeMap<String, String>, known: &[&str]) -> Self {
        let is_set = |name: &str| variables.get(name).is_some_and(|value| !value.trim().is_empty());
        let is_off = |name: &str| {
            name == "SERVER_SSL_ENABLED" && variables.get(name).is_some_and(|value| parse::boolean(value) == Ok(false))
        };
        let all_known = |name: &str| {
            known.contains(&name)
                || WITHOUT_EFFECT.contains(&name)
                || PROTECTING.iter().any(|(protecting, _)| *protecting == name)
        };
        Self {
            protecting: PROTECTING.into_iter().filter(|(name, _)| is_set(name) && !is_off(name)).collect(),
            without_effect: WITHOUT_EFFECT.into_iter().filter(|name| is_set(name)).collect(),
            unknown: variables.keys().filter(|name| name.starts_with("LLM_") && !all_known(name)).cloned().collect(),
        }
    }

    /// For the person who started the server.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.without_effect.is_empty() {
            warnings.push(format!("set, but without effect in this version: {}", self.without_effect.join(", ")));
        }
        if !self.unknown.is_empty() {
            warnings.push(format!("set, but there is no setting of this name: {}", self.unknown.join(", ")));
        }
        warnings
    }
}
