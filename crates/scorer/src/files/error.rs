//! Why a scorer cannot be had or kept.

use std::io;
use std::path::PathBuf;

use crate::{Misfit, Type};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is no name of a scorer: that is type/name, as dense_network/example, with letters, digits, -, _ and .")]
    MalformedName(String),
    #[error("there is no type {0:?}; there are {types}", types = Type::ALL.map(Type::name).join(", "))]
    UnknownType(String),
    #[error("there is no scorer {name}; there {}", there_are(known))]
    NotFound { name: String, known: Vec<String> },
    #[error("{} cannot be read or written", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is no description of a scorer: {reason}", path.display())]
    Sidecar { path: PathBuf, reason: String },
    #[error("{} is no safetensors file of a scorer: {reason}", path.display())]
    Weights { path: PathBuf, reason: String },
    #[error("{} does not fit the description beside it", path.display())]
    Misfit { path: PathBuf, source: Misfit },
}

fn there_are(names: &[String]) -> String {
    match names {
        [] => "is none".to_owned(),
        [one] => format!("is {one}"),
        several => format!("are {}", several.join(", ")),
    }
}
