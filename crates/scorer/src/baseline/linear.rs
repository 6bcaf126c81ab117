//! `linear`: for each model one weight for each number of a prompt's row, and one for itself.

use crate::chance::Chance;
use crate::data::Example;
use crate::logistic;
use crate::network::{Adam, Matrix, add_scaled, dot};

const RATE: f32 = 3e-3;
const DECAY: f32 = 1e-2;
const BATCH: usize = 32;
const EPOCHS: usize = 40;
const PATIENCE: usize = 4;

#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    pub weights: Matrix, // (models, inputs)
    pub bias: Matrix,    // (1, models)
}

impl Linear {
    pub fn score(&self, row: &[f32], model: usize) -> f32 {
        self.bias.values[model] + dot(self.weights.row(model), row)
    }

    /// Logistic regression; the weights that were best on `validation`. Repeatable to the bit.
    pub fn fit(
        rows: &[Vec<f32>],
        inputs: usize,
        models: usize,
        training: &[Example],
        validation: &[Example],
        seed: u64,
    ) -> Self {
        let mut linear = Self::zeros(models, inputs);
        let mut chance = Chance::new(seed);
        let mut adam = Adam::new(RATE, DECAY);
        let mut order: Vec<usize> = (0..training.len()).collect();
        let mut best = (f32::INFINITY, 0, linear.clone());
        for epoch in 0..EPOCHS {
            chance.shuffle(&mut order);
            linear.epoch(rows, training, &order, &mut adam);
            let loss = linear.loss(rows, if validation.is_empty() { training } else { validation });
            if loss < best.0 {
                best = (loss, epoch, linear.clone());
            } else if epoch - best.1 >= PATIENCE {
                break;
            }
        }
        best.2
    }

    fn zeros(models: usize, inputs: usize) -> Self {
        Self { weights: Matrix::zeros(models, inputs), bias: Matrix::zeros(1, models) }
    }

    fn epoch(&mut self, rows: &[Vec<f32>], examples: &[Example], order: &[usize], adam: &mut Adam) {
        for batch in order.chunks(BATCH) {
            let mut gradient = Self::zeros(self.weights.rows, self.weights.columns);
            for at in batch {
                let (example, row) = (&examples[*at], &rows[examples[*at].prompt]);
                let error = (logistic::probability(self.difference(row, example)) - example.credit) / batch.len() as f32;
                let mut learn = |model: usize, error: f32| {
                    add_scaled(error, row, gradient.weights.row_mut(model));
                    gradient.bias.values[model] += error;
                };
                learn(example.model, error);
                if let Some(rival) = example.rival {
                    learn(rival, -error);
                }
            }
            adam.step(vec![&mut self.weights, &mut self.bias], &[&gradient.weights, &gradient.bias]);
        }
    }

    fn difference(&self, row: &[f32], example: &Example) -> f32 {
        self.score(row, example.model) - example.rival.map_or(0.0, |rival| self.score(row, rival))
    }

    fn loss(&self, rows: &[Vec<f32>], examples: &[Example]) -> f32 {
        examples.iter().map(|example| logistic::loss(self.difference(&rows[example.prompt], example), example.credit)).sum()
    }
}
