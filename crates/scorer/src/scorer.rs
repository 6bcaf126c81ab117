//! A scorer: a method that learned, with all that it needs to read prompts and to name models.

mod fit;
mod method;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::Kind;
use crate::logistic;
use crate::prompt::{Inputs, Prompt};

pub use fit::{FitError, Training, fit};
pub use method::{Method, Misfit, Tensor};

/// The ways to score. A scorer's name begins with one: `dense_network/example`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    DenseNetwork,
    Elo,
    Knn,
    Linear,
}

impl Type {
    pub const ALL: [Self; 4] = [Self::DenseNetwork, Self::Elo, Self::Knn, Self::Linear];

    pub fn name(self) -> &'static str {
        match self {
            Self::DenseNetwork => "dense_network",
            Self::Elo => "elo",
            Self::Knn => "knn",
            Self::Linear => "linear",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// No score is invented for a model that was not in the training.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this scorer does not know {}; it knows {}", unknown.join(", "), known.join(", "))]
pub struct UnknownModels {
    pub unknown: Vec<String>,
    pub known: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Scorer {
    pub kind: Kind,
    /// Sorted; a model's number is its place here.
    pub models: Vec<String>,
    pub inputs: Inputs,
    pub method: Method,
}

impl Scorer {
    /// The models that are to be scored, found once for all prompts.
    pub fn candidates<S: AsRef<str>>(&self, models: &[S]) -> Result<Candidates<'_>, UnknownModels> {
        let number = |model: &S| self.models.iter().position(|known| known == model.as_ref());
        let unknown: Vec<String> =
            models.iter().filter(|model| number(model).is_none()).map(|model| model.as_ref().to_owned()).collect();
        if !unknown.is_empty() {
            return Err(UnknownModels { unknown, known: self.models.clone() });
        }
        Ok(Candidates { scorer: self, models: models.iter().filter_map(number).collect() })
    }

    /// For each prompt one score for each of these models, by number. A difference is the logarithm of the odds that one does
    /// better than the other (or, if scores were learned, of odds to do well). Depends on prompt and model alone, to the bit.
    pub fn log_odds<S: AsRef<str>>(&self, prompts: &[S], models: &[usize]) -> Vec<Vec<f32>> {
        let prompts: Vec<&str> = prompts.iter().map(AsRef::as_ref).collect();
        if let Method::Elo(elo) = &self.method {
            return vec![models.iter().map(|model| elo.strengths[*model]).collect(); prompts.len()];
        }
        self.inputs.rows(&prompts).iter().map(|row| self.method.score(row, models)).collect()
    }

    /// The same of a prompt that is measured with, and that its inputs [can read](Inputs::can_read).
    pub(crate) fn log_odds_of(&self, prompt: &Prompt, models: &[usize]) -> Vec<f32> {
        self.method.score(&self.inputs.row(prompt), models)
    }
}

#[derive(Debug, Clone)]
pub struct Candidates<'a> {
    scorer: &'a Scorer,
    models: Vec<usize>,
}

impl Candidates<'_> {
    /// For each prompt one score for each candidate, both in the order in which they were asked for: the score to be expected,
    /// 0 to 1, if scores were learned; if pairs were, a strength, of which differences count (log odds to win).
    ///
    /// Prompts that are given together are scored together; who must not wait long for something else gives a few at a time.
    pub fn score<S: AsRef<str>>(&self, prompts: &[S]) -> Vec<Vec<f32>> {
        let mut scores = self.scorer.log_odds(prompts, &self.models);
        if self.scorer.kind == Kind::Scores {
            for score in scores.iter_mut().flatten() {
                *score = logistic::probability(*score);
            }
        }
        scores
    }
}
