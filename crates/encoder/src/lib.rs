//! Sentence encoders of the BERT family, run in this process: a text becomes a vector of length 1, and texts that mean the same
//! lie close together.
//!
//! [`SentenceModel`] computes; [`Embedder`] is the same behind the contract of all that answers. A text's vector has the same
//! bits whatever else is encoded with it.

mod embedder;
mod forward;
mod model;
mod pooling;

pub use embedder::{Embedder, EmbedderSettings};
pub use model::{LoadError, Parallel, SentenceModel};
