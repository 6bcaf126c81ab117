//! Getting files from other machines: the client, one file after another, and what can go wrong.

mod digest;
mod download;
mod error;
mod network;
mod relative;
mod replace;
pub(crate) mod room;
mod size;

use std::path::PathBuf;

use crate::error::with_causes;

pub(crate) use digest::{Digest, fingerprint};
pub(crate) use download::{Download, download, locked};
pub use error::FetchError;
pub use network::Patience;
pub(crate) use network::{Network, Reply};
pub(crate) use relative::{escaped, is_plain_name, relative};
pub(crate) use replace::replace;
pub(crate) use size::size;

/// How far the download of a model has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here, those of earlier attempts among them.
    pub done: u64,
    /// Bytes of its files; of the Hub's, those that are here whole do not count.
    pub total: u64,
}

/// Somebody who is told how far it is.
pub type Watch<'a> = &'a mut dyn FnMut(Progress);

/// A model whose files are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// A directory in Hugging Face's layout, or a GGUF file.
    pub path: PathBuf,
    /// What its origin calls this state of it: a commit, or a number.
    pub version: String,
    pub note: Option<Note>,
}

/// Why it may not be the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// In a whole sentence, for whoever runs the server.
    pub sentence: String,
    /// In short, for anybody.
    pub in_short: &'static str,
    /// Whether it may be known a little later.
    pub may_pass: bool,
}

impl Note {
    pub(crate) fn of(what_is_here: &str, error: &FetchError) -> Self {
        let sentence = format!("{what_is_here}: {}", with_causes(error));
        Self { sentence, in_short: error.in_short(), may_pass: error.may_pass() }
    }
}

/// A secret that is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}
