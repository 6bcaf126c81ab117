//! Settings of the contract that not every build acts on. To pass over one in silence would be a lie.

use super::alike;
use super::environment::{self, Variables};

/// Of CUDA, which reads it itself.
const DEVICES: &str = "CUDA_VISIBLE_DEVICES";

/// Variables that are set, and nothing happens.
const WITHOUT_EFFECT: &[&str] = if cfg!(feature = "cuda") { &[] } else { &[DEVICES] };

/// Every variable that not all builds act on, with what comes of it.
pub(crate) fn all() -> [(&'static str, &'static str); 1] {
    const MEANING: &str =
        "the GPUs that a program built with `--features cuda` sees; otherwise nothing happens, and the start says so";
    [(DEVICES, MEANING)]
}

/// What is set beyond the variables that this version acts on. Names only: some of the values are secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) without_effect: Vec<String>,
    /// They begin as ours do, but there are none of these names; each with the one that was probably meant.
    pub(crate) unknown: Vec<(String, Option<String>)>,
}

impl Beyond {
    pub(crate) fn take(variables: &Variables, known: &[&str]) -> Self {
        let is_set = |name: &str| environment::set(variables, name).is_some();
        let all: Vec<&str> = known.iter().chain(WITHOUT_EFFECT).copied().collect();
        // OpenTelemetry has some hundred, of which the server reads the common ones.
        let of_sdk = variables.keys().map(String::as_str).filter(|name| name.starts_with("OTEL_") && !known.contains(name));
        let unknown = variables.keys().filter(|name| name.starts_with("LLM_") && !all.contains(&name.as_str()));
        let meant = |name: &str| alike::nearest(name, all.iter().copied()).map(str::to_owned);
        Self {
            without_effect: WITHOUT_EFFECT
                .iter()
                .copied()
                .filter(|name| is_set(name))
                .chain(of_sdk)
                .map(str::to_owned)
                .collect(),
            unknown: unknown.map(|name| (name.clone(), meant(name))).collect(),
        }
    }

    /// For the person who started the server.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.without_effect.is_empty() {
            warnings.push(format!("set, but without effect in this version: {}", self.without_effect.join(", ")));
        }
        warnings.extend(self.unknown.iter().map(|(name, meant)| match meant {
            Some(meant) => format!("{name} is set, but there is no setting of this name; did you mean {meant}?"),
            None => format!("{name} is set, but there is no setting of this name"),
        }));
        warnings
    }
}
