//! What is asked of a model that classifies, and what it answers.

use std::sync::Arc;

use crate::sampling::MaxTokens;
use crate::{Adapter, Encoded, Priority, Prompt, Tenant, Usage};

/// One text to be classified. It was checked when it was made; a backend adds only what it alone can know.
#[derive(Debug, Clone)]
pub struct Classification {
    /// The model that is to answer: an id or an alias.
    pub model: String,
    /// What changes the model for this request. `serving` finds it by the name.
    pub adapter: Option<Adapter>,
    /// A conversation is put into the words of the model's chat template, without the beginning of an answer; where the model has
    /// none, it is the last user's message that is classified.
    pub prompt: Prompt,
    /// The same as its backend's tokenizer has it, where it was asked already.
    pub encoded: Option<Encoded>,
    /// What becomes of a longer input. Absent: one beyond the context is refused.
    pub truncation: Option<Truncation>,
    pub scale: Scale,
    pub priority: Priority,
    pub tenant: Tenant,
}

/// Only so many tokens of an input are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Absent: the model's context.
    pub most: Option<MaxTokens>,
    pub keep: Keep,
}

/// Which end of an input that is too long counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    #[default]
    First,
    Last,
}

/// What the scores are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// As the model's makers mean them: probabilities that sum to 1, one probability a class, or, of a regression, its values.
    #[default]
    Meant,
    /// What the model computed, before that.
    Logits,
}

/// A classified text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// At least one.
    pub labels: Arc<[String]>,
    /// One a label, none of them infinite or no number.
    pub scores: Vec<f32>,
    /// Nothing is generated.
    pub usage: Usage,
}

impl Classified {
    /// The class with the highest score; the first of several that share it.
    pub fn best(&self) -> usize {
        let better = |best: usize, index: usize| if self.scores[index] > self.scores[best] { index } else { best };
        (0..self.scores.len()).fold(0, better)
    }
}
