//! What is asked of a model that embeds, and what it answers.

use std::num::NonZeroUsize;

use crate::{Encoded, Prompt, Tenant, Usage};

/// Texts of one request, which are computed together. They were checked when it was made; a backend adds only what it alone can
/// know.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// The model that is to answer: an id or an alias.
    pub model: String,
    /// Texts or tokens, no conversations.
    pub inputs: Vec<Prompt>,
    /// The same as the backend's tokenizer has them, where it was asked already.
    pub encoded: Option<Vec<Encoded>>,
    /// So many of the first numbers of each vector, which has the length 1 all the same. Absent: all.
    pub dimensions: Option<NonZeroUsize>,
    /// Texts that are too long are cut to what the model looks at. Otherwise they are refused.
    pub cut: bool,
    pub tenant: Tenant,
}

/// Embedded texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One a text, in their order, each of length 1.
    pub vectors: Vec<Vec<f32>>,
    /// Nothing is generated.
    pub usage: Usage,
}
