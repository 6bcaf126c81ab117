//! One model that could be served, and how it is recognised on disk.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sources::Origin;

/// A model that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What clients call it: `name` or `org/name`.
    pub id: String,
    pub source: Source,
    /// Bytes of its weights; 0 as long as they are elsewhere.
    pub size: u64,
    /// What the place that it was fetched from calls this state of it: a commit, or a number.
    pub version: Option<String>,
    /// What was trained on top of it, and changes each of its answers: a directory as PEFT saves it.
    pub adapter: Option<PathBuf>,
}

impl Entry {
    /// One of which no more is known than where it is.
    pub fn new(id: impl Into<String>, source: Source) -> Self {
        Self { id: id.into(), source, size: 0, version: None, adapter: None }
    }

    /// Who keeps it, if it is to come from elsewhere.
    pub fn origin(&self) -> Option<&Origin> {
        match &self.source {
            Source::Origin(origin) => Some(origin),
            Source::Embedded | Source::Path(_) | Source::Remote(_) => None,
        }
    }
}

/// Where a model's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Part of the binary.
    Embedded,
    /// A directory in Hugging Face's layout, or a GGUF file.
    Path(PathBuf),
    /// None here: it runs on these servers.
    Remote(Vec<String>),
    /// Kept elsewhere, to run here; see [`Sources`](crate::Sources).
    Origin(Origin),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => formatter.write_str("embedded"),
            Self::Path(path) => path.display().fmt(formatter),
            Self::Remote(servers) => formatter.write_str(&servers.join(", ")),
            Self::Origin(origin) => origin.fmt(formatter),
        }
    }
}

/// Whether `path` names a GGUF file, going by the name.
pub(crate) fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

/// Bytes of the GGUF file in a directory, if it is the only one.
pub(crate) fn only_gguf_in(directory: &Path) -> io::Result<Option<u64>> {
    let mut files = Vec::new();
    for file in fs::read_dir(directory)? {
        files.push(file?.path());
    }
    files.retain(|file| is_gguf(file));
    match files.as_slice() {
        [file] => Ok(Some(fs::metadata(file)?.len())),
        _ => Ok(None),
    }
}

/// Bytes of weights in a directory in Hugging Face's layout; `None` if it is not one, that is, without a `config.json`
/// or without safetensors beside it.
pub(crate) fn weights_in(directory: &Path) -> io::Result<Option<u64>> {
    if !directory.join("config.json").is_file() {
        return Ok(None);
    }
    let mut total = None;
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            // Through the link, as a download cache keeps its files elsewhere.
            total = Some(total.unwrap_or(0) + fs::metadata(&path)?.len());
        }
    }
    Ok(total)
}
