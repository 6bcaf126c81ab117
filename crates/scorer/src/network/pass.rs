//! Forward and backward: from a prompt and a model to a score, and from a score's error to every parameter's share in it.

use super::{Matrix, Parameters};
use crate::chance::Chance;

/// What a negative sum is multiplied with.
const LEAK: f32 = 0.1;

/// What each hidden layer gave in training, and by how much it gives more when its sum grows by one.
#[derive(Debug)]
pub struct Trace {
    values: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    pub score: f32,
}

impl Parameters {
    /// The part of the first layer that depends on the prompt alone. Shape (hidden[0]).
    pub fn prompt_part(&self, row: &[f32]) -> Vec<f32> {
        let mut sum = self.bias.values.clone();
        self.prompt.add_product(row, &mut sum);
        sum
    }

    /// The part that depends on the model alone, for every model. Shape (models, hidden[0]).
    pub fn model_parts(&self) -> Matrix {
        let mut parts = Matrix::zeros(self.models.rows, self.model.columns);
        for model in 0..self.models.rows {
            self.model.add_product(self.models.row(model), parts.row_mut(model));
        }
        parts
    }

    /// One score for each of these model parts.
    pub fn scores(&self, prompt_part: &[f32], model_parts: &[&[f32]]) -> Vec<f32> {
        let mut sums = Matrix { rows: model_parts.len(), columns: prompt_part.len(), values: model_parts.concat() };
        for sum in sums.values.chunks_exact_mut(prompt_part.len()) {
            super::add_scaled(1.0, prompt_part, sum);
        }
        for layer in &self.layers {
            rectify(&mut sums.values);
            let columns = layer.weights.columns;
            let next = Matrix { rows: sums.rows, columns, values: layer.bias.values.repeat(sums.rows) };
            let inputs = std::mem::replace(&mut sums, next);
            layer.weights.add_products(&inputs, &mut sums);
        }
        sums.values
    }

    /// [`Parameters::scores`] in training: a share `dropout` of what hidden layers give is left out.
    pub fn trace(&self, prompt_part: &[f32], model: usize, dropout: f32, chance: &mut Chance) -> Trace {
        let mut trace = Trace { values: Vec::new(), slopes: Vec::new(), score: 0.0 };
        let mut sum = prompt_part.to_vec();
        self.model.add_product(self.models.row(model), &mut sum);
        for layer in &self.layers {
            let slopes = slopes(&sum, dropout, chance);
            let values: Vec<f32> = sum.iter().zip(&slopes).map(|(sum, slope)| sum * slope).collect();
            sum.clone_from(&layer.bias.values);
            layer.weights.add_product(&values, &mut sum);
            trace.values.push(values);
            trace.slopes.push(slopes);
        }
        trace.score = sum[0];
        trace
    }

    /// Adds to `gradient` what a score's `error` (the loss's derivative by it) means for every parameter but those of the
    /// prompt part, and to `prompt_error` what it means for the prompt part, which two models of a comparison share.
    pub fn trace_back(&self, trace: &Trace, model: usize, error: f32, gradient: &mut Self, prompt_error: &mut [f32]) {
        let mut errors = vec![error];
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let learned = &mut gradient.layers[index];
            super::add_scaled(1.0, &errors, &mut learned.bias.values);
            learned.weights.add_outer(&trace.values[index], &errors);
            let mut before = vec![0.0; layer.weights.rows];
            layer.weights.add_product_back(&errors, &mut before);
            for (error, slope) in before.iter_mut().zip(&trace.slopes[index]) {
                *error *= slope;
            }
            errors = before;
        }
        super::add_scaled(1.0, &errors, prompt_error);
        gradient.model.add_outer(self.models.row(model), &errors);
        self.model.add_product_back(&errors, gradient.models.row_mut(model));
    }

    /// The rest of the way back: from the prompt part to its weights.
    pub fn prompt_back(row: &[f32], prompt_error: &[f32], gradient: &mut Self) {
        super::add_scaled(1.0, prompt_error, &mut gradient.bias.values);
        gradient.prompt.add_outer(row, prompt_error);
    }
}

/// Makes of a layer's sums what it gives.
fn rectify(sums: &mut [f32]) {
    for sum in sums {
        *sum *= slope(*sum);
    }
}

fn slope(sum: f32) -> f32 {
    if sum > 0.0 { 1.0 } else { LEAK }
}

/// What is left out has the slope 0, and the rest is enlarged so that the next layer's sums stay as large.
fn slopes(sums: &[f32], dropout: f32, chance: &mut Chance) -> Vec<f32> {
    let mut kept = || dropout == 0.0 || chance.unit() >= f64::from(dropout);
    sums.iter().map(|sum| if kept() { slope(*sum) / (1.0 - dropout) } else { 0.0 }).collect()
}
