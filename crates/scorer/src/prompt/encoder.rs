//! What makes an embedding of a prompt's text, and how a file says which one it was.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::HashedNgrams;

/// Which encoder made the embeddings that a scorer was trained on. With any other the scorer's numbers mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Of an encoder that is a model: where it was found, a path or `hf:org/name`.
    pub name: String,
    /// Changes whenever a text's embedding would.
    pub revision: String,
    pub dimensions: usize,
    /// What its weights were encoded in, if not left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
}

impl Identity {
    /// With its weights as they are, if it has any.
    pub fn new(name: impl Into<String>, revision: impl Into<String>, dimensions: usize) -> Self {
        Self { name: name.into(), revision: revision.into(), dimensions, quantization: None }
    }
}

/// An encoder that is a model with weights, run by somebody else.
pub trait Sentences: Send + Sync + fmt::Debug {
    fn identity(&self) -> Identity;

    /// A vector a text, each of length 1 and with as many numbers as the identity says. A text's vector does not depend on the
    /// others.
    ///
    /// # Panics
    /// If the encoder is broken.
    fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>>;
}

/// Where encoders are found that are models.
pub trait Encoders: Send + Sync + fmt::Debug {
    /// The one of this identity, or why it cannot be had.
    fn find(&self, identity: &Identity) -> Result<Arc<dyn Sentences>, String>;
}

/// Text → a vector of length 1 (or 0, for a text without words), or of no numbers.
#[derive(Debug, Clone)]
pub enum Encoder {
    /// None: the features alone are read.
    None,
    HashedNgrams(HashedNgrams),
    Sentences(Arc<dyn Sentences>),
}

const HASHED_NGRAMS: &str = "hashed_ngrams";
const NONE: &str = "none";

impl Encoder {
    /// The encoder of this identity, or why it cannot be had: the built-in one, or one of `others`.
    pub fn find(identity: &Identity, others: Option<&dyn Encoders>) -> Result<Self, String> {
        if *identity == Self::None.identity() {
            return Ok(Self::None);
        }
        if identity.name != HASHED_NGRAMS {
            let others = others.ok_or_else(|| format!("this program does not have its encoder, {}", identity.name))?;
            return others.find(identity).map(Self::Sentences);
        }
        let encoder = HashedNgrams::new(identity.dimensions).map(Self::HashedNgrams);
        let known = encoder.filter(|encoder| encoder.identity() == *identity);
        known.ok_or_else(|| format!("this program does not have its encoder, {HASHED_NGRAMS} {}", identity.revision))
    }

    pub fn identity(&self) -> Identity {
        match self {
            Self::None => Identity::new(NONE, "1", 0),
            Self::HashedNgrams(ngrams) => Identity::new(HASHED_NGRAMS, HashedNgrams::REVISION, ngrams.dimensions()),
            Self::Sentences(sentences) => sentences.identity(),
        }
    }

    /// A text's embedding does not depend on the others it is encoded with.
    pub fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        match self {
            Self::None => vec![Vec::new(); texts.len()],
            Self::HashedNgrams(ngrams) => texts.iter().map(|text| ngrams.encode(text)).collect(),
            Self::Sentences(sentences) => sentences.encode(texts),
        }
    }
}
