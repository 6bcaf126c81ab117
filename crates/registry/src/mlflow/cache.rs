//! The cache: a directory for each server and model, in it one a version, and what stages and aliases were when they were last
//! asked for.
//!
//! ```text
//! <server>/<model>/3/            complete: it has been given this name when everything was in it
//!                  4.incomplete/
//!                  refs/Production
//!                  about/3.json   what the registry said of it
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::Registered;
use super::uri::{MlFlowModel, Target};
use crate::fetch::{self, FetchError};

#[derive(Debug)]
pub(super) struct Versions {
    root: PathBuf,
}

impl Versions {
    pub(super) fn new(cache: &Path, server: &str, model: &MlFlowModel) -> Self {
        let host = server.split_once("://").map_or(server, |(_, host)| host);
        // Without the name and the password that an address may hold.
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host).trim_end_matches('/');
        Self { root: cache.join(folder(host)).join(folder(model.name())) }
    }

    pub(super) fn complete(&self, version: &str) -> Option<PathBuf> {
        Some(self.root.join(folder(version))).filter(|path| path.is_dir())
    }

    pub(super) fn incomplete(&self, version: &str) -> PathBuf {
        self.root.join(format!("{}.incomplete", folder(version)))
    }

    pub(super) fn lock(&self, version: &str) -> PathBuf {
        self.root.join(format!("{}.lock", folder(version)))
    }

    pub(super) fn finish(&self, version: &str) -> Result<PathBuf, FetchError> {
        let path = self.root.join(folder(version));
        match fs::rename(self.incomplete(version), &path) {
            Ok(()) => Ok(path),
            Err(source) => Err(FetchError::Disk { path, source }),
        }
    }

    /// The version that was meant when it was last asked for.
    pub(super) fn remembered(&self, model: &MlFlowModel) -> Option<String> {
        if let Target::Version { version, .. } = &model.target {
            return Some(version.clone());
        }
        fs::read_to_string(self.reference(model)).ok().filter(|version| !version.is_empty())
    }

    pub(super) fn remember(&self, model: &MlFlowModel, version: &str) -> Result<(), FetchError> {
        fetch::replace(&self.reference(model), version)
    }

    pub(super) fn describe(&self, version: &str, registered: &Registered) -> Result<(), FetchError> {
        fetch::replace(&self.description(version), &registered.kept().to_string())
    }

    pub(super) fn described(&self, version: &str) -> Option<Registered> {
        let kept = fs::read_to_string(self.description(version)).ok()?;
        serde_json::from_str(&kept).ok().map(|kept| Registered::of_kept(&kept))
    }

    fn description(&self, version: &str) -> PathBuf {
        self.root.join("about").join(folder(version)).with_added_extension("json")
    }

    fn reference(&self, model: &MlFlowModel) -> PathBuf {
        let name = match &model.target {
            Target::Version { version, .. } => version.clone(),
            Target::Latest { .. } => "latest".to_owned(),
            Target::Stage { stage, .. } => stage.to_lowercase(),
            Target::Alias { alias, .. } => format!("@{alias}"),
            Target::Logged { id } => id.clone(),
        };
        self.root.join("refs").join(folder(&name))
    }
}

/// A name that somebody chose, as the name of a directory.
fn folder(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    name.bytes().fold(String::new(), |mut text, byte| {
        if plain(&byte) || (byte == b'.' && !text.is_empty()) {
            text.push(byte as char);
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_cache() {
        assert_eq!([folder(".."), folder("a/b"), folder("llama3.1"), folder("ü")], ["%2E.", "a%2Fb", "llama3.1", "%C3%BC"]);
    }

    #[test]
    fn a_password_in_the_address_is_not_written_down() {
        let model = "models:/a/1".parse().unwrap();
        let versions = Versions::new(Path::new("/cache"), "https://me:secret@mlflow.example:8080/", &model);
        assert_eq!(versions.root, Path::new("/cache/mlflow.example%3A8080/a"));
    }
}
