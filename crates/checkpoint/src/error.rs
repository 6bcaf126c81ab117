//! Why a model could not be read: always the file, the place in it, what was expected and what was found.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{Family, template, tokenizer};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    #[error("{}: no model here: looked for {looked_for}", path.display())]
    Missing { path: PathBuf, looked_for: &'static str },
    #[error("{}: cannot be read", file.display())]
    Io { file: PathBuf, source: io::Error },
    /// The structure of a file is broken: cut off, out of range, not what its format says.
    #[error("{}: {place}: expected {expected}, found {found}", file.display())]
    Malformed { file: PathBuf, place: String, expected: String, found: String },
    /// A setting or metadata key has a value that no model can have, or is missing.
    #[error("{}: {key}: expected {expected}, found {found}", file.display())]
    Field { file: PathBuf, key: String, expected: String, found: String },
    #[error("{}: tensor {tensor:?}: expected {expected}, found {found}", file.display())]
    Tensor { file: PathBuf, tensor: String, expected: String, found: String },
    #[error("{}: the architecture {found:?} does not run here; those that do: {}", file.display(), Family::names())]
    Architecture { file: PathBuf, found: String },
    /// A sound model that asks for something this engine does not compute.
    #[error("{}: {feature} is not supported", file.display())]
    Unsupported { file: PathBuf, feature: String },
    #[error("{}: the tokenizer cannot be used", place.display())]
    Tokenizer { place: PathBuf, source: tokenizer::Error },
    #[error("{}: the chat template cannot be used", place.display())]
    Template { place: PathBuf, source: template::Error },
}

impl Error {
    pub(crate) fn io(file: &Path, source: io::Error) -> Self {
        Self::Io { file: file.into(), source }
    }

    pub(crate) fn malformed(
        file: &Path,
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Malformed { file: file.into(), place: place.into(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn field(file: &Path, key: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Field { file: file.into(), key: key.into(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn tensor(
        file: &Path,
        tensor: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Tensor { file: file.into(), tensor: tensor.into(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn unsupported(file: &Path, feature: impl Into<String>) -> Self {
        Self::Unsupported { file: file.into(), feature: feature.into() }
    }
}
