//! What a path leads to: a directory in Hugging Face's layout, or a GGUF file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::storage::Storage;
use crate::{Error, Result, gguf, hugging_face};

#[derive(Debug)]
pub(crate) enum Found {
    Directory(PathBuf),
    Gguf { file: PathBuf, storage: Storage },
}

/// What a model's weights lie in, for whoever reads them otherwise than we do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightFiles {
    /// Beside their `config.json` and `tokenizer.json`, in `directory`.
    Safetensors { directory: PathBuf, files: Vec<PathBuf> },
    /// One file with everything.
    Gguf(PathBuf),
}

impl WeightFiles {
    /// Of the model that [`Checkpoint::open`](crate::Checkpoint::open) reads there.
    pub fn of(path: &Path) -> Result<Self> {
        match locate(path)? {
            Found::Directory(directory) => {
                let files = hugging_face::shards::files(&directory)?;
                Ok(Self::Safetensors { directory, files })
            }
            Found::Gguf { file, .. } => Ok(Self::Gguf(file)),
        }
    }
}

const LOOKED_FOR: &str = "a GGUF file, or a directory with config.json and safetensors, or with one GGUF file";

/// A directory's safetensors go before a GGUF file beside them.
pub(crate) fn locate(path: &Path) -> Result<Found> {
    if path.is_file() {
        return gguf_file(path.into());
    }
    if !path.is_dir() {
        return Err(Error::Missing { path: path.into(), looked_for: LOOKED_FOR });
    }
    let configured = path.join("config.json").is_file();
    if configured && hugging_face::shards::present(path) {
        return Ok(Found::Directory(path.into()));
    }
    match only_gguf_file(path)? {
        Some(file) => gguf_file(file),
        None if configured => Ok(Found::Directory(path.into())),
        None => Err(Error::Missing { path: path.into(), looked_for: LOOKED_FOR }),
    }
}

/// The GGUF file in a directory, if there is one. Several are an error.
pub(crate) fn only_gguf_file(directory: &Path) -> Result<Option<PathBuf>> {
    match gguf_files(directory)?.as_slice() {
        [] => Ok(None),
        [file] => Ok(Some(file.clone())),
        several => {
            let found = format!("{} of them; the path can name one", several.len());
            Err(Error::malformed(directory, "this directory", "one GGUF file", found))
        }
    }
}

fn gguf_file(file: PathBuf) -> Result<Found> {
    let storage = Storage::map(&file)?;
    if gguf::begins(storage.bytes()) {
        return Ok(Found::Gguf { file, storage });
    }
    let start = &storage.bytes()[..storage.bytes().len().min(4)];
    let found = match start {
        [] => "an empty file".to_owned(),
        _ => format!("a file that begins with {:?}", start.escape_ascii().to_string()),
    };
    Err(Error::malformed(&file, "the whole file", "a GGUF file or a model's directory", found))
}

fn gguf_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(|source| Error::io(directory, source))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))).collect())
}
