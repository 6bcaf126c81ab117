//! Why a vocabulary cannot be used, or a text not be encoded.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::pre_tokenizers;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    #[error("{}: cannot be read", file.display())]
    Io { file: PathBuf, source: io::Error },
    #[error("{}: not JSON", file.display())]
    Json { file: PathBuf, source: serde_json::Error },
    #[error("{place}: expected {expected}, found {found}")]
    Malformed { place: String, expected: String, found: String },
    #[error(
        "the decoder {name:?} is not supported; those that are: ByteLevel, Metaspace, and a Sequence of Replace, ByteFallback, Fuse, Strip"
    )]
    Decoder { name: String },
    #[error("the vocabulary model {model:?} is not supported; those that are: gpt2, llama")]
    Model { model: String },
    #[error("the pre-tokenizer {name:?} is not known; those that are: {}", pre_tokenizers::known())]
    PreTokenizer { name: String },
    /// What the `tokenizers` library has to say.
    #[error("{problem}")]
    Library { problem: String },
}

impl Error {
    pub(super) fn malformed(place: impl Into<String>, expected: impl Into<String>, found: impl std::fmt::Display) -> Self {
        Self::Malformed { place: place.into(), expected: expected.into(), found: found.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    pub(super) fn library(problem: tokenizers::Error) -> Self {
        Self::Library { problem: problem.to_string() }
    }
}
