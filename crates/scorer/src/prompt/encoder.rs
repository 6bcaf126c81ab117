//! What makes an embedding of a prompt's text, and how a file says which one it was.

use serde::{Deserialize, Serialize};

use super::HashedNgrams;

/// Which encoder made the embeddings that a scorer was trained on. With any other the scorer's numbers mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub name: String,
    pub revision: String,
    pub dimensions: usize,
}

/// Text → a vector of length 1 (or 0, for a text without words).
#[derive(Debug, Clone)]
pub enum Encoder {
    HashedNgrams(HashedNgrams),
}

impl Encoder {
    /// The encoder of this identity, if this program has it.
    pub fn find(identity: &Identity) -> Option<Self> {
        let ngrams = HashedNgrams::new(identity.dimensions)?;
        let encoder = Self::HashedNgrams(ngrams);
        (encoder.identity() == *identity).then_some(encoder)
    }

    pub fn identity(&self) -> Identity {
        match self {
            Self::HashedNgrams(ngrams) => Identity {
                name: "hashed_ngrams".to_owned(),
                revision: HashedNgrams::REVISION.to_owned(),
                dimensions: ngrams.dimensions(),
            },
        }
    }

    /// A text's embedding does not depend on the others it is encoded with.
    pub fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        match self {
            Self::HashedNgrams(ngrams) => texts.iter().map(|text| ngrams.encode(text)).collect(),
        }
    }
}
