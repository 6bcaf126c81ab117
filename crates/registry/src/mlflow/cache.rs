//! The cache: a directory for each server and model, in it one a version, and what stages and aliases were when they were last
//! asked for.
//!
//! ```text
//! <server>/<model>/3/            complete: it has been given this name when everything was in it
//!                  4.incomplete/
//!                  refs/Production
//!                  good/Production   which version answered the last time
//!                  about/3.json   what the registry said of it
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Registered;
use super::uri::{MlFlowModel, Target};
use crate::fetch::{self, FetchError};

/// How long a version stays that nothing means.
const KEPT_UNUSED: Duration = Duration::from_hours(24);

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

    /// The version that answered when a model was asked for in these words.
    pub(super) fn good(&self, model: &MlFlowModel) -> Option<String> {
        fs::read_to_string(self.root.join("good").join(reference(model))).ok().filter(|version| !version.is_empty())
    }

    pub(super) fn remember_good(&self, model: &MlFlowModel, version: &str) -> Result<(), FetchError> {
        fetch::replace(&self.root.join("good").join(reference(model)), version)
    }

    /// Deletes what nobody asks for any more. What was used within a day is left alone: another program may be about to.
    pub(super) fn tidy(&self) {
        let texts = |of: &str| -> Vec<String> {
            let files = fs::read_dir(self.root.join(of)).into_iter().flatten().flatten();
            files.filter_map(|file| fs::read_to_string(file.path()).ok()).map(|version| folder(&version)).collect()
        };
        let mut kept = [texts("refs"), texts("good")].concat();
        kept.extend(["refs", "good", "about"].map(str::to_owned));
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|date| date.elapsed().ok());
            let is_old = age.is_some_and(|age| age > KEPT_UNUSED);
            let is_kept = name.to_str().is_none_or(|name| kept.iter().any(|kept| kept == name));
            if is_old && !is_kept && entry.path().is_dir() {
                // What cannot be deleted now can be later.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn description(&self, version: &str) -> PathBuf {
        self.root.join("about").join(folder(version)).with_added_extension("json")
    }

    fn reference(&self, model: &MlFlowModel) -> PathBuf {
        self.root.join("refs").join(reference(model))
    }
}

fn reference(model: &MlFlowModel) -> String {
    folder(&match &model.target {
        Target::Version { version, .. } => version.clone(),
        Target::Latest { .. } => "latest".to_owned(),
        Target::Stage { stage, .. } => stage.to_lowercase(),
        Target::Alias { alias, .. } => format!("@{alias}"),
        Target::Logged { id } => id.clone(),
    })
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
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn no_name_leads_out_of_the_cache() {
        assert_eq!([folder(".."), folder("a/b"), folder("llama3.1"), folder("ü")], ["%2E.", "a%2Fb", "llama3.1", "%C3%BC"]);
    }

    #[test]
    fn what_nobody_asks_for_any_more_goes_after_a_while() {
        let cache = tempfile::tempdir().unwrap();
        let [first, second] = ["models:/a/Production", "models:/a/7"].map(|uri| uri.parse().unwrap());
        let versions = Versions::new(cache.path(), "http://host", &first);
        let long_ago = SystemTime::now() - 2 * KEPT_UNUSED;
        for version in ["1", "2", "3", "7", "8"] {
            let path = versions.root.join(version);
            fs::create_dir_all(&path).unwrap();
            if version != "8" {
                fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
            }
        }
        versions.remember(&first, "3").unwrap();
        versions.remember_good(&first, "2").unwrap();
        versions.remember(&second, "7").unwrap();
        versions.tidy();
        let left = ["1", "2", "3", "7", "8"].map(|version| versions.complete(version).is_some());
        assert_eq!(left, [false, true, true, true, true]);
    }

    #[test]
    fn a_password_in_the_address_is_not_written_down() {
        let model = "models:/a/1".parse().unwrap();
        let versions = Versions::new(Path::new("/cache"), "https://me:secret@mlflow.example:8080/", &model);
        assert_eq!(versions.root, Path::new("/cache/mlflow.example%3A8080/a"));
    }
}
