//! From a dataset to a scorer.

use super::{Method, Misfit, Scorer, Type};
use crate::baseline::{Elo, Knn, Linear};
use crate::data::{Dataset, Example, Part, Split};
use crate::network::{DenseNetwork, Options, Progress, train};
use crate::prompt::{Encoder, Inputs, Prompt};

/// How a scorer is trained.
#[derive(Debug, Clone)]
pub struct Training {
    pub kind: Type,
    pub encoder: Encoder,
    pub split: Split,
    /// Examples that `knn` looks at.
    pub neighbours: usize,
    /// Of `dense_network`; the seed is that of all methods.
    pub options: Options,
}

impl Training {
    pub fn new(kind: Type, encoder: Encoder, seed: u64) -> Self {
        let options = Options { seed, ..Options::default() };
        Self { kind, encoder, split: Split::new(seed), neighbours: Knn::DEFAULT_K, options }
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FitError {
    /// Which part a prompt falls into is chance; with few prompts it can be that there is none to train with.
    #[error("of {prompts} prompts none is left to train with")]
    Nothing { prompts: usize },
    #[error(
        "the examples have features and no texts, which an encoder would read; a scorer without one (--encoder none) can learn from them"
    )]
    NoTexts,
    #[error("the training ran away to infinity")]
    Diverged(#[from] Misfit),
}

/// Trains on the training part of the dataset, with an eye on its validation part. What is held out is not looked at, neither
/// by the method nor by the scaler.
pub fn fit(dataset: &Dataset, training: &Training, report: impl FnMut(Progress)) -> Result<Scorer, FitError> {
    let fitted = dataset.part(training.split, Part::Training);
    let watched = dataset.part(training.split, Part::Validation);
    if fitted.is_empty() {
        return Err(FitError::Nothing { prompts: dataset.prompts.len() });
    }
    let inputs = Inputs::fit(training.encoder.clone(), &prompts_of(dataset, &fitted));
    if !dataset.prompts.iter().all(|prompt| inputs.can_read(prompt)) {
        return Err(FitError::NoTexts);
    }
    // Only what is fitted to and watched is read; the rest stays empty.
    let rows = rows_of(dataset, &inputs, fitted.iter().chain(&watched));
    let models = dataset.models.len();
    let method = match training.kind {
        Type::DenseNetwork => {
            Method::DenseNetwork(DenseNetwork::new(train(&rows, models, &fitted, &watched, &training.options, report)))
        }
        Type::Elo => Method::Elo(Elo::fit(models, &fitted)),
        Type::Knn => Method::Knn(Knn::fit(&rows, inputs.dimensions(), models, &fitted, training.neighbours)),
        Type::Linear => Method::Linear(Linear::fit(&rows, inputs.width(), models, &fitted, &watched, training.options.seed)),
    };
    let method = method.rounded(models, inputs.width(), inputs.dimensions())?;
    Ok(Scorer { kind: dataset.kind, models: dataset.models.clone(), inputs, method })
}

/// Each prompt once.
fn prompts_of<'a>(dataset: &'a Dataset, examples: &[Example]) -> Vec<&'a Prompt> {
    let mut numbers: Vec<usize> = examples.iter().map(|example| example.prompt).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().map(|number| &dataset.prompts[number]).collect()
}

fn rows_of<'a>(dataset: &Dataset, inputs: &Inputs, examples: impl Iterator<Item = &'a Example>) -> Vec<Vec<f32>> {
    let mut rows = vec![Vec::new(); dataset.prompts.len()];
    for example in examples {
        if rows[example.prompt].is_empty() {
            rows[example.prompt] = inputs.row(&dataset.prompts[example.prompt]);
        }
    }
    rows
}
