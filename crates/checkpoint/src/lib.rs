//! Models as they lie on disk: Hugging Face directories and GGUF files, read into one description.
//!
//! [`Checkpoint::open`] answers with an [`Architecture`] (what to compute), [`Weights`] (with what; views into a mapped
//! file, nothing is copied until the kernels pack it), and the text side: [`Tokenizer`] and [`ChatTemplate`]. Nothing in a
//! file is trusted: every size, offset and count is checked before it is used.

mod adapter;
mod architecture;
mod assemble;
mod checkpoint;
mod classes;
mod defaults;
mod error;
mod family;
pub mod gguf;
mod hugging_face;
mod locate;
mod names;
mod plain_file;
mod requantise;
mod rope;
mod storage;
mod summary;
pub mod template;
mod tensor;
mod tensors;
#[cfg(test)]
mod tests;
pub mod tokenizer;
mod weights;

pub use adapter::{Adapter, AdapterFiles, AdapterSummary, LayerUpdates, Up, Updates};
pub use architecture::{Activation, Architecture, Norm, Position};
pub use checkpoint::{Checkpoint, inspect};
pub use classes::{Classes, Scoring};
pub use defaults::GenerationDefaults;
pub use error::{Error, Result};
pub use family::Family;
pub use hugging_face::sentence::{
    Pooling, SentenceArchitecture, SentenceEncoder, SentenceLayer, SentenceWeights, is_sentence_encoder,
};
pub use locate::WeightFiles;
pub use requantise::Requantisation;
pub use summary::Summary;
pub use template::{ChatTemplate, RenderOptions};
pub use tensor::Tensor;
pub use tokenizer::{Detokenizer, GgufVocabulary, SentenceText, SpecialTokens, Tokenizer};
pub use weights::{LayerWeights, Linear, NormWeights, Weights};
