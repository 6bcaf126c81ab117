//! `dense_network`: [prompt; model] → 256 → 128 → 64 → 1, with leaky rectifiers between the layers.
//!
//! Forward, backward and Adam are our own: the network is small, and what is ours can be repeated to the bit.

mod adam;
mod matrix;
mod parameters;
mod pass;
mod training;

pub use adam::Adam;
pub use matrix::{Matrix, add_scaled, dot};
pub use parameters::{Layer, Parameters, Shape};
pub use pass::Trace;
pub use training::{Options, Progress, train};

/// A trained network with what can be computed before the first prompt comes.
#[derive(Debug, Clone)]
pub struct DenseNetwork {
    parameters: Parameters,
    model_parts: Matrix, // (models, hidden[0])
}

impl DenseNetwork {
    pub fn new(parameters: Parameters) -> Self {
        let model_parts = parameters.model_parts();
        Self { parameters, model_parts }
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// One score for each model, by its number.
    pub fn score(&self, row: &[f32], models: &[usize]) -> Vec<f32> {
        let prompt_part = self.parameters.prompt_part(row);
        let model_parts: Vec<&[f32]> = models.iter().map(|model| self.model_parts.row(*model)).collect();
        self.parameters.scores(&prompt_part, &model_parts)
    }
}
