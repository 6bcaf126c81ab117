//! A whole model, opened.

use std::path::Path;

use crate::{Architecture, ChatTemplate, GenerationDefaults, Result, Summary, Tokenizer, Weights};

/// All that is needed to run a model. The weights are views into mapped files, which must stay as they are meanwhile.
#[derive(Debug)]
pub struct Checkpoint {
    pub architecture: Architecture,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    pub defaults: GenerationDefaults,
    pub summary: Summary,
    /// What whoever serves the model should know: a shortened context, a missing chat template, unused tensors.
    pub warnings: Vec<String>,
}
