//! What a model is called in MLflow: `models:/name/3`, `models:/name/latest`, `models:/name/Production`, `models:/name@alias`,
//! `models:/m-<id>`.

use std::fmt;
use std::str::FromStr;

/// A model as MLflow names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MlFlowModel {
    /// As it was written.
    uri: String,
    pub(super) target: Target,
}

/// Which model, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Version {
        name: String,
        version: String,
    },
    Latest {
        name: String,
    },
    Stage {
        name: String,
        stage: String,
    },
    Alias {
        name: String,
        alias: String,
    },
    /// A model that was logged and perhaps never registered.
    Logged {
        id: String,
    },
}

/// It is none of the forms above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAModelUri;

impl MlFlowModel {
    /// The newest version of a registered model in a stage; `latest` is any stage, and `@champion` the version that has this alias.
    pub fn in_stage(name: &str, stage: &str) -> Result<Self, NotAModelUri> {
        let separator = if stage.starts_with('@') { "" } else { "/" };
        format!("models:/{name}{separator}{stage}").parse()
    }

    /// Whether it means the same version whenever it is asked for.
    pub const fn is_fixed(&self) -> bool {
        matches!(self.target, Target::Version { .. } | Target::Logged { .. })
    }

    /// The registered model, or the id of one that was logged.
    pub fn name(&self) -> &str {
        match &self.target {
            Target::Version { name, .. }
            | Target::Latest { name }
            | Target::Stage { name, .. }
            | Target::Alias { name, .. } => name,
            Target::Logged { id } => id,
        }
    }
}

impl FromStr for MlFlowModel {
    type Err = NotAModelUri;

    fn from_str(uri: &str) -> Result<Self, NotAModelUri> {
        let path = uri.strip_prefix("models:/").ok_or(NotAModelUri)?.trim_start_matches('/');
        Ok(Self { uri: uri.to_owned(), target: target(path).ok_or(NotAModelUri)? })
    }
}

fn target(path: &str) -> Option<Target> {
    let part = |text: &str| (!text.is_empty() && !text.contains(['/', '\0'])).then(|| text.to_owned());
    if let Some((name, which)) = path.split_once('/') {
        let (name, which) = (part(name)?, part(which)?);
        return Some(match which {
            which if which.eq_ignore_ascii_case("latest") => Target::Latest { name },
            version if version.bytes().all(|byte| byte.is_ascii_digit()) => Target::Version { name, version },
            stage => Target::Stage { name, stage },
        });
    }
    if let Some((name, alias)) = path.rsplit_once('@') {
        return Some(Target::Alias { name: part(name)?, alias: part(alias)? });
    }
    path.strip_prefix("m-").filter(|id| !id.is_empty()).map(|_| Target::Logged { id: path.to_owned() })
}

impl fmt::Display for MlFlowModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_means_what_mlflow_means_by_it() {
        let name = || "sql".to_owned();
        for (uri, target) in [
            ("models:/sql/3", Target::Version { name: name(), version: "3".into() }),
            ("models:/sql/Latest", Target::Latest { name: name() }),
            ("models:/sql/Production", Target::Stage { name: name(), stage: "Production".into() }),
            ("models:/sql@champion", Target::Alias { name: name(), alias: "champion".into() }),
            ("models:/a@b@c", Target::Alias { name: "a@b".into(), alias: "c".into() }),
            ("models:/m-0123", Target::Logged { id: "m-0123".into() }),
        ] {
            assert_eq!(uri.parse::<MlFlowModel>().map(|model| model.target), Ok(target), "{uri}");
        }
        assert_eq!(MlFlowModel::in_stage("sql", "@champion"), "models:/sql@champion".parse());
        for uri in ["", "sql/3", "models:/", "models:/sql", "models:/sql/", "models:/a/b/c", "models:/@x", "models:/m-"] {
            assert_eq!(uri.parse::<MlFlowModel>(), Err(NotAModelUri), "{uri}");
        }
    }
}
