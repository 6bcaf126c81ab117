//! How a `dense_network` learns: batches in a random order, Adam, and an end when held-back prompts get no better.

use std::iter;

use super::{Adam, Parameters, Shape};
use crate::chance::Chance;
use crate::data::Example;
use crate::logistic;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Widths of the hidden layers; at least one.
    pub hidden: Vec<usize>,
    /// Numbers that are learned of each model.
    pub model_embedding: usize,
    pub learning_rate: f32,
    pub weight_decay: f32,
    /// Share of what hidden layers give that is left out in each step of training.
    pub dropout: f32,
    /// Examples that are learned from at once.
    pub batch: usize,
    /// Times that all examples are gone through, at most.
    pub epochs: usize,
    /// Epochs without improvement before training ends.
    pub patience: usize,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hidden: vec![256, 128, 64],
            model_embedding: 32,
            learning_rate: 1e-3,
            weight_decay: 1e-2,
            dropout: 0.2,
            batch: 32,
            epochs: 30,
            patience: 4,
            seed: 1,
        }
    }
}

/// What an epoch brought. Losses are mean cross entropies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Counted from 1.
    pub epoch: usize,
    pub training_loss: f32,
    pub validation_loss: f32,
}

/// Trains on `training` and returns the parameters of the epoch that was best on `validation` (of the last one, if there is
/// nothing to validate with). `rows` are the prompts' numbers (of those that
/// no example names they may be missing), `models` how many models there are. The same arguments give
/// the same parameters, to the bit.
pub fn train(
    rows: &[Vec<f32>],
    models: usize,
    training: &[Example],
    validation: &[Example],
    options: &Options,
    mut report: impl FnMut(Progress),
) -> Parameters {
    let mut learner = Learner::new(rows, models, options);
    let mut order: Vec<usize> = (0..training.len()).collect();
    let mut best = (f32::INFINITY, 0, learner.parameters.clone());
    for epoch in 1..=options.epochs {
        learner.chance.shuffle(&mut order);
        let training_loss = learner.epoch(training, &order);
        let validation_loss = if validation.is_empty() { training_loss } else { learner.loss(validation) };
        report(Progress { epoch, training_loss, validation_loss });
        if validation.is_empty() || validation_loss < best.0 {
            best = (validation_loss, epoch, learner.parameters.clone());
        } else if epoch - best.1 >= options.patience {
            break;
        }
    }
    best.2
}

struct Learner<'a> {
    rows: &'a [Vec<f32>],
    options: &'a Options,
    chance: Chance,
    parameters: Parameters,
    gradient: Parameters,
    adam: Adam,
}

impl<'a> Learner<'a> {
    fn new(rows: &'a [Vec<f32>], models: usize, options: &'a Options) -> Self {
        let inputs = rows.iter().map(Vec::len).max().unwrap_or(0);
        let shape = Shape { inputs, models, model_embedding: options.model_embedding, hidden: options.hidden.clone() };
        let mut chance = Chance::new(options.seed);
        let parameters = Parameters::random(&shape, &mut chance);
        let adam = Adam::new(options.learning_rate, options.weight_decay);
        Self { rows, options, chance, parameters, gradient: Parameters::zeros(&shape), adam }
    }

    /// Learns from every example once; the mean loss on the way.
    fn epoch(&mut self, examples: &[Example], order: &[usize]) -> f32 {
        let mut loss = 0.0;
        for batch in order.chunks(self.options.batch.max(1)) {
            for matrix in self.gradient.matrices_mut() {
                matrix.values.fill(0.0);
            }
            for at in batch {
                let example = &examples[*at];
                let row = &self.rows[example.prompt];
                let weight = 1.0 / batch.len() as f32;
                loss +=
                    self.parameters.learn(row, example, weight, self.options.dropout, &mut self.chance, &mut self.gradient);
            }
            let gradients: Vec<_> = self.gradient.named().into_iter().map(|(_, matrix)| matrix).collect();
            self.adam.step(self.parameters.matrices_mut(), &gradients);
        }
        loss / examples.len().max(1) as f32
    }

    fn loss(&self, examples: &[Example]) -> f32 {
        let parts = self.parameters.model_parts();
        let loss = |example: &Example| {
            let prompt_part = self.parameters.prompt_part(&self.rows[example.prompt]);
            let models = iter::once(example.model).chain(example.rival);
            let model_parts: Vec<&[f32]> = models.map(|model| parts.row(model)).collect();
            let scores = self.parameters.scores(&prompt_part, &model_parts);
            logistic::loss(scores[0] - scores.get(1).unwrap_or(&0.0), example.credit)
        };
        examples.iter().map(loss).sum::<f32>() / examples.len().max(1) as f32
    }
}

impl Parameters {
    /// Adds one example's gradient, times `weight`, to `gradient`; its loss (without the weight).
    pub fn learn(
        &self,
        row: &[f32],
        example: &Example,
        weight: f32,
        dropout: f32,
        chance: &mut Chance,
        gradient: &mut Self,
    ) -> f32 {
        let prompt_part = self.prompt_part(row);
        let own = self.trace(&prompt_part, example.model, dropout, chance);
        let rival = example.rival.map(|rival| (rival, self.trace(&prompt_part, rival, dropout, chance)));
        let difference = own.score - rival.as_ref().map_or(0.0, |(_, trace)| trace.score);
        let error = weight * (logistic::probability(difference) - example.credit);
        let mut prompt_error = vec![0.0; prompt_part.len()];
        self.trace_back(&own, example.model, error, gradient, &mut prompt_error);
        if let Some((rival, trace)) = &rival {
            self.trace_back(trace, *rival, -error, gradient, &mut prompt_error);
        }
        Self::prompt_back(row, &prompt_error, gradient);
        logistic::loss(difference, example.credit)
    }
}
