//! Why there is no such model.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("the model directory {} cannot be read", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} cannot be read", path.display())]
    Model {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} is not a model: expected a *.gguf file, or a directory with config.json and *.safetensors or with one *.gguf file",
        path.display()
    )]
    NotAModel { path: PathBuf },
    #[error("the name of {} is not UTF-8, so that no client could ask for it", path.display())]
    Name { path: PathBuf },
    #[error("there is no model {id:?}; there are: {}; looked in: {}", found.join(", "), looked_in.join(", "))]
    NotFound { id: String, found: Vec<String>, looked_in: Vec<String> },
    #[error(
        "there is no {path} in the directory {}; a model of this name on the Hugging Face Hub would be asked for as hf:{path}", folder.display()
    )]
    Misspelt { path: String, folder: PathBuf },
    #[error("{place}: the model {id:?} is not there")]
    Declared {
        id: String,
        place: String,
        #[source]
        source: Box<Self>,
    },
    #[error("{place}: the model {id:?} is to be the one in the binary, and this binary has none")]
    NotEmbedded { id: String, place: String },
    #[error("{}", .0.join("\n"))]
    Several(Vec<String>),
}

/// An error and all that led to it, in a line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
