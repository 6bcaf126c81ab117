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

use crate::assemble::{Arrangement, Head, assemble};
use crate::names::{self, Names};
use crate::storage::Storage;
use crate::tensors::Tensors;
use crate::{Architecture, Error, Family, GgufVocabulary, Result, Summary, Weights};

pub(crate) use file::{GgufFile, read};

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
    refuse_classifier(path, &file.tensors, names)?;
    let interleaved = is_interleaved(architecture.family);
    let arrangement = Arrangement { names, transposed: false, interleaved, head: Head::Tokens { tied: None } };
    let (weights, unused) = assemble(&file.tensors, &architecture, arrangement)?;
    Ok(Model {
        summary: file.tensors.summary(architecture.family.name(), architecture.context, |name| names.is_no_weight(name)),
        vocabulary: vocabulary::read(&file.metadata)?,
        architecture,
        weights,
        unused,
    })
}

/// Else it would be served as a model that writes, with its embeddings for a head.
fn refuse_classifier(path: &Path, tensors: &Tensors, names: &Names) -> Result<()> {
    let head = format!("{}.weight", names.classifier);
    if tensors.has(&head) {
        let feature = format!("a classifier in a GGUF file ({head}); one in a Hugging Face directory runs");
        return Err(Error::unsupported(path, feature));
    }
    Ok(())
}

/// By the head of the file alone.
pub(crate) fn inspect(path: &Path, storage: &Storage) -> Result<Summary> {
    let file = file::read(path, storage)?;
    let architecture = architecture::read(path, &file)?;
    let names = names(architecture.family);
    Ok(file.tensors.summary(architecture.family.name(), architecture.context, |name| names.is_no_weight(name)))
}

/// What `general.architecture` says of a family: Mistral's models are llamas there.
pub(crate) fn name(family: Family) -> &'static str {
    if family == Family::Mistral { Family::Llama.name() } else { family.name() }
}

/// Whether the rows of queries and keys, and what is added to them, are interleaved within a head.
pub(crate) fn is_interleaved(family: Family) -> bool {
    name(family) == Family::Llama.name()
}

/// Whether a file begins as GGUF files do.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(file::MAGIC)
}

/// Of weights.
pub(crate) fn names(family: Family) -> &'static Names {
    if family == Family::Gpt2 { &names::GGUF_GPT2 } else { &names::GGUF }
}
