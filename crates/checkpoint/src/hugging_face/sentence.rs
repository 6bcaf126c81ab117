//! Directories of sentence-transformers with a model of the BERT family: `config.json`, safetensors, `modules.json` and what
//! that names.

mod config;
mod modules;
mod weights;

use std::path::Path;

use super::fields::Fields;
use super::shards;
use crate::tokenizer::{SentenceText, TextFiles};
use crate::{Error, Result, Summary};

pub use config::SentenceArchitecture;
pub use modules::Pooling;
pub use weights::{SentenceLayer, SentenceWeights};

/// A model that turns a text into a vector. The weights are views into mapped files, which must stay as they are meanwhile.
#[derive(Debug)]
pub struct SentenceEncoder {
    pub architecture: SentenceArchitecture,
    pub weights: SentenceWeights,
    pub text: SentenceText,
    pub pooling: Pooling,
    pub summary: Summary,
}

impl SentenceEncoder {
    /// Reads a directory. What else than the family's own layers, pooling and normalising it asks for is refused.
    pub fn open(directory: &Path) -> Result<Self> {
        let config = Fields::read(&directory.join("config.json"))?;
        let modules = modules::read(directory)?;
        let architecture = config::read(&config, modules.most_tokens)?;
        let tensors = shards::read(directory)?;
        let failed = |source| Error::Tokenizer { place: directory.into(), source };
        let files = TextFiles::read(directory).map_err(failed)?;
        let text = SentenceText::new(&files, &modules.prefix, architecture.most_tokens).map_err(failed)?;
        Ok(Self {
            weights: weights::read(&tensors, &architecture)?,
            text,
            pooling: modules.pooling,
            summary: tensors.summary(architecture.family, architecture.most_tokens, |_| false),
            architecture,
        })
    }
}

/// Whether a directory has a model that turns texts into vectors, by its `config.json`.
pub fn is_sentence_encoder(path: &Path) -> bool {
    path.is_dir() && Fields::read(&path.join("config.json")).is_ok_and(|config| config::family(&config).is_some())
}

/// By the heads of the files alone.
pub(crate) fn inspect(directory: &Path) -> Result<Summary> {
    let config = Fields::read(&directory.join("config.json"))?;
    let architecture = config::read(&config, modules::read(directory)?.most_tokens)?;
    Ok(shards::read(directory)?.summary(architecture.family, architecture.most_tokens, |_| false))
}
