//! The cache's layout, as `huggingface_hub` writes it:
//!
//! ```text
//! models--org--name/refs/main              the commit that `main` was when it was asked for
//!                   snapshots/<commit>/…   links to
//!                   blobs/<etag>           the files, each under its checksum
//!                   blobs/<etag>.incomplete
//! .locks/models--org--name/<etag>.lock
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::entry;
use crate::fetch::{self, FetchError};
use crate::peft;

const PREFIX: &str = "models--";
/// The largest models have some hundreds.
const MOST_SHARDS: u32 = 10_000;
const INDEX: &str = "model.safetensors.index.json";

/// A model of which files are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// `org/name`, or `name` alone.
    pub repository: String,
    /// Those that were asked for, each with its commit.
    pub revisions: Vec<(String, String)>,
    /// GGUF files that are there whole, sorted.
    pub files: Vec<String>,
    /// Bytes on the disk, unfinished downloads among them.
    pub bytes: u64,
}

/// One repository's part of the cache.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
    locks: PathBuf,
}

impl Repository {
    pub(super) fn new(cache: &Path, repository: &str) -> Self {
        let name = format!("{PREFIX}{}", repository.replace('/', "--"));
        Self { root: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.root.join("snapshots").join(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(etag)
    }

    pub(super) fn partial(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(format!("{etag}.incomplete"))
    }

    pub(super) fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    /// What a revision was when it was last asked for; a commit is itself.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        let named = fetch::relative(revision).and_then(|name| fs::read_to_string(self.root.join("refs").join(name)).ok());
        let named = named.map(|commit| commit.trim().to_owned()).filter(|commit| fetch::is_plain_name(commit));
        named.or_else(|| {
            let is_commit = fetch::is_plain_name(revision) && self.snapshot(revision).is_dir();
            is_commit.then(|| revision.to_owned())
        })
    }

    /// Remembers what a revision is.
    pub(super) fn point(&self, revision: &str, commit: &str) -> Result<(), FetchError> {
        if revision == commit {
            return Ok(());
        }
        let Some(name) = fetch::relative(revision) else { return Ok(()) };
        fetch::replace(&self.root.join("refs").join(name), commit)
    }

    /// Where a commit's model is, if all its weights are there: its directory, or its GGUF file. What was trained on top of another
    /// model is one too. A GGUF file that is alone here may have been asked for as one of several: only the Hub could tell.
    pub(super) fn complete(&self, commit: &str, file: Option<&str>) -> Option<PathBuf> {
        let snapshot = self.snapshot(commit);
        if let Some(file) = file {
            return Some(snapshot.join(fetch::relative(file)?)).filter(|path| path.exists());
        }
        if snapshot.join("config.json").exists() {
            let weights = entry::weights_in(&snapshot).ok()??;
            return (weights > 0 && shards_of(&snapshot)?.iter().all(|shard| snapshot.join(shard).exists()))
                .then_some(snapshot);
        }
        match <[PathBuf; 1]>::try_from(gguf_files_in(&snapshot)) {
            Ok([file]) => Some(file),
            Err(files) => (files.is_empty() && peft::is_in(&snapshot)).then_some(snapshot),
        }
    }

    pub(super) fn remove(&self) -> Result<u64, FetchError> {
        let bytes = fetch::size(&self.root);
        for directory in [&self.root, &self.locks] {
            match fs::remove_dir_all(directory) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(FetchError::Disk { path: directory.clone(), source });
                }
                _ => {}
            }
        }
        Ok(bytes)
    }
}

/// The files that an index names, or that belong to those that are there where an index did not come yet. `None` if it cannot be read.
fn shards_of(snapshot: &Path) -> Option<Vec<PathBuf>> {
    let index = snapshot.join(INDEX);
    if !index.exists() {
        let files = fs::read_dir(snapshot).ok()?.filter_map(|file| file.ok()?.file_name().into_string().ok());
        return Some(files.flat_map(|name| siblings(&name)).collect());
    }
    let index: serde_json::Value = serde_json::from_slice(&fs::read(index).ok()?).ok()?;
    let shards = index.get("weight_map")?.as_object()?.values();
    shards.map(|shard| fetch::relative(shard.as_str()?)).collect()
}

/// All shards of the model that one is of, as `model-00001-of-00003.safetensors`.
fn siblings(shard: &str) -> Vec<PathBuf> {
    let parts = || {
        let (name, count) = shard.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
        let (name, number) = name.rsplit_once('-')?;
        let (digits, most) = (number.len(), count.parse::<u32>().ok().filter(|count| *count <= MOST_SHARDS)?);
        Some((1..=most).map(move |number| format!("{name}-{number:0digits$}-of-{count}.safetensors").into()).collect())
    };
    parts().unwrap_or_default()
}

/// Makes `path` lead to a blob, by a relative link, so that the cache can be moved. For whoever holds the blob's lock.
pub(super) fn link(blob: &Path, path: &Path, name: &str) -> Result<(), FetchError> {
    let failed = |source| FetchError::Disk { path: path.to_owned(), source };
    let (Some(parent), Some(etag)) = (path.parent(), blob.file_name()) else { return Ok(()) };
    fs::create_dir_all(parent).map_err(failed)?;
    // From `snapshots/<commit>/`, and one more for each directory in the name.
    let up = "../".repeat(2 + name.matches('/').count());
    let target = Path::new(&up).join("blobs").join(etag);
    if path.exists() {
        return Ok(());
    }
    // One that leads nowhere is in the way.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => symlink(target, path).map_err(failed),
    }
}

/// In the order of their names.
pub(super) fn list(cache: &Path) -> Result<Vec<Cached>, FetchError> {
    let failed = |source| FetchError::Disk { path: cache.to_owned(), source };
    let directories = match fs::read_dir(cache) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        directories => directories.map_err(failed)?,
    };
    let mut found = Vec::new();
    for directory in directories {
        let directory = directory.map_err(failed)?;
        let name = directory.file_name();
        if let Some(repository) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) {
            let root = directory.path();
            found.push(Cached {
                // No part of a name has `--`.
                repository: repository.replacen("--", "/", 1),
                revisions: revisions_of(&root.join("refs")),
                files: gguf_files_of(&root.join("snapshots")),
                bytes: fetch::size(&root),
            });
        }
    }
    found.sort_by(|one, other| one.repository.cmp(&other.repository));
    Ok(found)
}

/// Of all commits.
fn gguf_files_of(snapshots: &Path) -> Vec<String> {
    let mut files = BTreeSet::new();
    for snapshot in entries(snapshots) {
        let paths = gguf_files_in(&snapshot);
        files.extend(paths.iter().filter_map(|path| path.strip_prefix(&snapshot).ok()?.to_str().map(str::to_owned)));
    }
    files.into_iter().collect()
}

/// Those that are there whole, in folders too.
fn gguf_files_in(snapshot: &Path) -> Vec<PathBuf> {
    let mut files = files_in(snapshot);
    files.retain(|path| entry::is_gguf(path) && path.exists());
    files
}

/// In folders too; links among them.
fn files_in(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in entries(&directory) {
            // Not through links: those lead to files.
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Each with its commit. A name may have slashes, as `refs/pr/1`.
fn revisions_of(refs: &Path) -> Vec<(String, String)> {
    let revision = |file: &PathBuf| {
        // What a crash has left of one that was to be written is none.
        let name = file.strip_prefix(refs).ok()?.to_str().filter(|name| !name.ends_with(".incomplete"))?.to_owned();
        Some((name, fs::read_to_string(file).ok()?.trim().to_owned()))
    };
    let mut revisions: Vec<_> = files_in(refs).iter().filter_map(revision).collect();
    revisions.sort();
    revisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_without_an_index_want_all_of_them() {
        let snapshot = tempfile::tempdir().unwrap();
        let touch = |name: &str| fs::write(snapshot.path().join(name), "").unwrap();
        let is_whole = || shards_of(snapshot.path()).unwrap().iter().all(|shard| snapshot.path().join(shard).exists());
        touch("model.safetensors");
        assert!(is_whole());
        touch("model-00001-of-00002.safetensors");
        assert!(!is_whole());
        touch("model-00002-of-00002.safetensors");
        assert!(is_whole());
    }
}
