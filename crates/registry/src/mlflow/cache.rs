//! The cache: a directory for each server and model, in it one a version, and what stages and aliases were when they were last
//! asked for. A model that was deleted and made anew counts from 1 again: a version's directory is named after the place of its
//! files too, so that neither is taken for the other nor written over while somebody reads it.
//!
//! ```text
//! <server>/<model>/3@5f2c…/             complete: it has been given this name when everything was in it
//!                  4@90d1….incomplete/
//!                  4@90d1….lock         held by whoever downloads it
//!                  refs/production      3
//!                  places/3             3@5f2c…, or nothing: then it is 3/, as earlier versions of this program named it
//!                  good/production      3@5f2c…, which answered the last time
//!                  about/3@5f2c….json   what the registry said of it
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;

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
    pub(super) fn new(cache: &Path, server: &str, model: &str) -> Self {
        Self { root: of_server(cache, server).join(folder(model)) }
    }

    /// Gives back the room of all versions; the bytes that they took.
    pub(super) fn remove(&self) -> Result<u64, FetchError> {
        let bytes = fetch::size(&self.root);
        match fs::remove_dir_all(&self.root) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FetchError::Disk { path: self.root.clone(), source })
            }
            _ => Ok(bytes),
        }
    }

    /// What was asked for, each in the words that it was asked for by, and the bytes of the version that this is.
    fn asked_for(&self, name: &str) -> Vec<(MlFlowModel, u64)> {
        let asked = named(&self.root.join("refs")).into_iter().filter_map(|(reference, path)| {
            let uri = match reference.strip_prefix('@') {
                Some(alias) => format!("models:/{name}@{alias}"),
                None if reference == name && name.starts_with("m-") => format!("models:/{name}"),
                None => format!("models:/{name}/{reference}"),
            };
            Some((uri.parse().ok()?, fetch::size(&self.known(&read(&path)?)?)))
        });
        asked.collect()
    }

    /// What a version is on this machine, as far as the registry said when it was last asked.
    pub(super) fn known(&self, version: &str) -> Option<PathBuf> {
        self.complete(&self.directory(version))
    }

    pub(super) fn complete(&self, directory: &str) -> Option<PathBuf> {
        Some(self.root.join(directory)).filter(|path| path.is_dir())
    }

    pub(super) fn incomplete(&self, directory: &str) -> PathBuf {
        self.root.join(format!("{directory}.incomplete"))
    }

    pub(super) fn lock(&self, directory: &str) -> PathBuf {
        self.root.join(format!("{directory}.lock"))
    }

    pub(super) fn finish(&self, directory: &str) -> Result<PathBuf, FetchError> {
        let path = self.root.join(directory);
        match fs::rename(self.incomplete(directory), &path) {
            Ok(()) => Ok(path),
            Err(source) => Err(FetchError::Disk { path, source }),
        }
    }

    /// The version that was meant when it was last asked for.
    pub(super) fn remembered(&self, model: &MlFlowModel) -> Option<String> {
        if let Target::Version { version, .. } = &model.target {
            return Some(version.clone());
        }
        read(&self.reference(model))
    }

    pub(super) fn remember(&self, model: &MlFlowModel, version: &str, directory: &str) -> Result<(), FetchError> {
        fetch::replace(&self.place(version), directory)?;
        fetch::replace(&self.reference(model), version)
    }

    pub(super) fn describe(&self, version: &str, registered: &Registered) -> Result<(), FetchError> {
        fetch::replace(&self.description(version), &registered.kept().to_string())
    }

    pub(super) fn described(&self, version: &str) -> Option<Registered> {
        let kept = fs::read_to_string(self.description(version)).ok()?;
        serde_json::from_str(&kept).ok().map(|kept| Registered::of_kept(&kept))
    }

    /// The version that answered when a model was asked for in these words, and its files if they are still here.
    pub(super) fn good(&self, model: &MlFlowModel) -> Option<(String, PathBuf)> {
        let directory = read(&self.root.join("good").join(reference(model)))?;
        let version = directory.split_once('@').map_or(&directory[..], |(version, _)| version);
        Some((version.to_owned(), self.complete(&directory)?))
    }

    pub(super) fn remember_good(&self, model: &MlFlowModel, version: &str) -> Result<(), FetchError> {
        fetch::replace(&self.root.join("good").join(reference(model)), &self.directory(version))
    }

    /// Deletes what nobody asks for any more. What was written within a day is left alone: it may be a download that goes on, or
    /// what another program is about to open.
    pub(super) fn tidy(&self) {
        let kept = self.kept();
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let is_kept = name.to_str().is_none_or(|name| kept.iter().any(|kept| kept == name));
            let is_old = || written(&path).ok().and_then(|date| date.elapsed().ok()).is_some_and(|age| age > KEPT_UNUSED);
            if !is_kept && path.is_dir() && is_old() {
                // What cannot be deleted now can be later.
                let _ = fs::remove_dir_all(&path);
            }
        }
    }

    /// The directories that something means.
    fn kept(&self) -> Vec<String> {
        let texts = |of: &str| -> Vec<String> {
            let files = fs::read_dir(self.root.join(of)).into_iter().flatten().flatten();
            files.filter_map(|file| read(&file.path())).collect()
        };
        let mut kept = texts("good");
        kept.extend(texts("refs").iter().map(|version| self.directory(version)));
        kept.extend(["refs", "places", "good", "about"].map(str::to_owned));
        kept
    }

    /// The name of the directory that a version is now.
    fn directory(&self, version: &str) -> String {
        read(&self.place(version)).unwrap_or_else(|| folder(version))
    }

    fn place(&self, version: &str) -> PathBuf {
        self.root.join("places").join(folder(version))
    }

    fn description(&self, version: &str) -> PathBuf {
        self.root.join("about").join(self.directory(version)).with_added_extension("json")
    }

    fn reference(&self, model: &MlFlowModel) -> PathBuf {
        self.root.join("refs").join(reference(model))
    }
}

/// Every model of a server of which a version is here whole.
pub(super) fn list(cache: &Path, server: &str) -> Vec<(MlFlowModel, u64)> {
    let models = named(&of_server(cache, server)).into_iter();
    models.flat_map(|(name, root)| Versions { root }.asked_for(&name)).collect()
}

fn of_server(cache: &Path, server: &str) -> PathBuf {
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    // Without the name and the password that an address may hold.
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host).trim_end_matches('/');
    cache.join(folder(host))
}

/// What is in a directory, sorted by the names that somebody chose.
fn named(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut named: Vec<(String, PathBuf)> = entries
        .filter_map(|path| {
            let name = percent_decode_str(path.file_name()?.to_str()?).decode_utf8().ok()?.into_owned();
            // What a crash has left of a file that was to be written.
            (!name.ends_with(".incomplete")).then_some((name, path))
        })
        .collect();
    named.sort();
    named
}

/// The name of the directory of a version whose files are at this place. That may hold secrets, and is not written down.
pub(super) fn directory(version: &str, place: &str) -> String {
    format!("{}@{}", folder(version), fetch::fingerprint(place))
}

/// When something in it was written last: a download may write for days into one file, and the directory has the date of its start.
fn written(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::symlink_metadata(path)?;
    let mut newest = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(written(&entry?.path())?);
        }
    }
    Ok(newest)
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().filter(|text| !text.is_empty())
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
    use super::*;

    /// Of a model asked for in two ways.
    fn versions(cache: &Path) -> (Versions, [MlFlowModel; 2]) {
        let models: [MlFlowModel; 2] = ["models:/a/Production", "models:/a/7"].map(|uri| uri.parse().unwrap());
        (Versions::new(cache, "http://host", "a"), models)
    }

    fn make_old(path: &Path) {
        let file = fs::File::open(path).unwrap();
        file.set_modified(SystemTime::now() - 2 * KEPT_UNUSED).unwrap();
    }

    #[test]
    fn no_name_leads_out_of_the_cache() {
        assert_eq!([folder(".."), folder("a/b"), folder("llama3.1"), folder("ü")], ["%2E.", "a%2Fb", "llama3.1", "%C3%BC"]);
    }

    #[test]
    fn what_nobody_asks_for_any_more_goes_after_a_while() {
        let cache = tempfile::tempdir().unwrap();
        let (versions, [first, second]) = versions(cache.path());
        let directories = ["1", "2", "3", "7", "8"].map(|version| directory(version, "place"));
        for path in directories.each_ref().map(|directory| versions.root.join(directory)) {
            fs::create_dir_all(&path).unwrap();
            make_old(&path);
        }
        versions.remember(&first, "2", &directories[1]).unwrap();
        versions.remember_good(&first, "2").unwrap();
        versions.remember(&first, "3", &directories[2]).unwrap();
        versions.remember(&second, "7", &directories[3]).unwrap();
        fs::File::open(versions.root.join(&directories[4])).unwrap().set_modified(SystemTime::now()).unwrap();
        versions.tidy();
        let left = directories.map(|directory| versions.complete(&directory).is_some());
        assert_eq!(left, [false, true, true, true, true]);
    }

    #[test]
    fn a_download_that_takes_days_is_left_alone() {
        let cache = tempfile::tempdir().unwrap();
        let (versions, _) = versions(cache.path());
        let incomplete = versions.incomplete(&directory("1", "place"));
        let part = incomplete.join("peft/adapter_model.safetensors.part");
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, "").unwrap();
        for directory in [part.parent().unwrap(), &incomplete] {
            make_old(directory);
        }
        versions.tidy();
        assert!(part.exists());
        make_old(&part);
        versions.tidy();
        assert!(!incomplete.exists());
    }

    #[test]
    fn what_earlier_versions_of_this_program_have_cached_is_found() {
        let cache = tempfile::tempdir().unwrap();
        let (versions, [stage, _]) = versions(cache.path());
        let path = versions.root.join("3");
        fs::create_dir_all(&path).unwrap();
        for of in ["refs", "good"] {
            fetch::replace(&versions.root.join(of).join("production"), "3").unwrap();
        }
        assert_eq!(versions.remembered(&stage).as_deref(), Some("3"));
        assert_eq!(versions.known("3").as_ref(), Some(&path));
        assert_eq!(versions.good(&stage), Some(("3".into(), path)));
    }

    #[test]
    fn a_password_in_the_address_is_not_written_down() {
        let versions = Versions::new(Path::new("/cache"), "https://me:secret@mlflow.example:8080/", "a");
        assert_eq!(versions.root, Path::new("/cache/mlflow.example%3A8080/a"));
    }
}
