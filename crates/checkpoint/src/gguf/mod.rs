//! GGUF files: one file with the weights, the settings and the vocabulary. [`write`] makes them.

mod architecture;
mod cursor;
mod element;
mod file;
mod metadata;
mod vocabulary;
pub mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::assemble::{Arrangement, assemble};
use crate::names::{self, Names};
use crate::storage::Storage;
use crate::{Architecture, Family, GgufVocabulary, Result, Summary, Weights};

/// All of a file, the text side as it lies in the metadata.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) architecture: Architecture,
    pub(crate) weights: Weights,
    pub(crate) summary: Summary,
    pub(crate) vocabulary: GgufVocabulary,
    pub(crate) unused: Vec<String>,
}

/// `path` is only for messages.
pub(crate) fn open(path: &Path, storage: &Storage) -> Result<Model> {
    let file = file::read(path, storage)?;
    let architecture = architecture::read(path, &file)?;
    let names = names(architecture.family);
    let interleaved = architecture.family == Family::Llama;
    let arrangement = Arrangement { names, transposed: false, interleaved, tied: None };
    let (weights, unused) = assemble(&file.tensors, &architecture, arrangement)?;
    Ok(Model {
        summary: file.tensors.summary(&architecture, |name| names.is_no_weight(name)),
        vocabulary: vocabulary::read(&file.metadata)?,
        architecture,
        weights,
        unused,
    })
}

/// By the head of the file alone.
pub(crate) fn inspect(path: &Path, storage: &Storage) -> Result<Summary> {
    let file = file::read(path, storage)?;
    let architecture = architecture::read(path, &file)?;
    let names = names(architecture.family);
    Ok(file.tensors.summary(&architecture, |name| names.is_no_weight(name)))
}

/// Whether a file begins as GGUF files do.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(file::MAGIC)
}

fn names(family: Family) -> &'static Names {
    if family == Family::Gpt2 { &names::GGUF_GPT2 } else { &names::GGUF }
}
