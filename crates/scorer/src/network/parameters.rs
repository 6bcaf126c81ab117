//! Everything in a `dense_network` that is learned.

use super::Matrix;
use crate::chance::Chance;

/// How large a network is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Numbers in a prompt's row.
    pub inputs: usize,
    pub models: usize,
    /// Numbers that are learned of each model.
    pub model_embedding: usize,
    /// Widths of the hidden layers, the first one first; at least one.
    pub hidden: Vec<usize>,
}

impl Shape {
    /// All that are learned; `None` if they are more than can be counted.
    pub fn numbers(&self) -> Option<usize> {
        let first = *self.hidden.first()?;
        let widths: Vec<usize> = self.hidden.iter().copied().chain([1]).collect();
        // With a bias for each column.
        let layers = widths.windows(2).map(|pair| (pair[0].checked_add(1)).and_then(|rows| rows.checked_mul(pair[1])));
        let before = [
            self.models.checked_mul(self.model_embedding),
            self.inputs.checked_add(self.model_embedding)?.checked_add(1)?.checked_mul(first),
        ];
        before.into_iter().chain(layers).try_fold(0, |sum: usize, numbers| sum.checked_add(numbers?))
    }
}

/// output = input · weights + bias
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub weights: Matrix, // (in, out)
    pub bias: Matrix,    // (1, out)
}

/// The first layer is kept in two parts, of which the one for the prompt is computed once for all models:
/// `[prompt; model] · W = prompt · W_prompt + model · W_model`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    pub models: Matrix, // (models, model_embedding)
    pub prompt: Matrix, // (inputs, hidden[0])
    pub model: Matrix,  // (model_embedding, hidden[0])
    pub bias: Matrix,   // (1, hidden[0])
    /// From the first hidden layer to the single output.
    pub layers: Vec<Layer>,
}

impl Parameters {
    pub fn zeros(shape: &Shape) -> Self {
        let first = shape.hidden[0];
        let widths: Vec<usize> = shape.hidden.iter().copied().chain([1]).collect();
        let layer = |pair: &[usize]| Layer { weights: Matrix::zeros(pair[0], pair[1]), bias: Matrix::zeros(1, pair[1]) };
        Self {
            models: Matrix::zeros(shape.models, shape.model_embedding),
            prompt: Matrix::zeros(shape.inputs, first),
            model: Matrix::zeros(shape.model_embedding, first),
            bias: Matrix::zeros(1, first),
            layers: widths.windows(2).map(layer).collect(),
        }
    }

    /// As PyTorch begins: weights and biases within 1/√(inputs of the layer), what is learned of models within 1.
    pub fn random(shape: &Shape, chance: &mut Chance) -> Self {
        let mut parameters = Self::zeros(shape);
        let mut fill = |matrix: &mut Matrix, bound: f32| matrix.values.fill_with(|| chance.within(bound));
        let first = bound(shape.inputs + shape.model_embedding);
        fill(&mut parameters.models, 1.0);
        fill(&mut parameters.prompt, first);
        fill(&mut parameters.model, first);
        fill(&mut parameters.bias, first);
        for layer in &mut parameters.layers {
            let bound = bound(layer.weights.rows);
            fill(&mut layer.weights, bound);
            fill(&mut layer.bias, bound);
        }
        parameters
    }

    pub fn shape(&self) -> Shape {
        Shape {
            inputs: self.prompt.rows,
            models: self.models.rows,
            model_embedding: self.models.columns,
            hidden: self.layers.iter().map(|layer| layer.weights.rows).collect(),
        }
    }

    /// All of it in one order, by the names that it has in files.
    pub fn named(&self) -> Vec<(String, &Matrix)> {
        let first = [("models", &self.models), ("prompt", &self.prompt), ("model", &self.model), ("bias", &self.bias)];
        let layers = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            [(format!("layers.{index}.weights"), &layer.weights), (format!("layers.{index}.bias"), &layer.bias)]
        });
        first.into_iter().map(|(name, matrix)| (name.to_owned(), matrix)).chain(layers).collect()
    }

    /// In the order of [`Parameters::named`].
    pub fn matrices_mut(&mut self) -> Vec<&mut Matrix> {
        let first = [&mut self.models, &mut self.prompt, &mut self.model, &mut self.bias];
        first.into_iter().chain(self.layers.iter_mut().flat_map(|layer| [&mut layer.weights, &mut layer.bias])).collect()
    }
}

fn bound(inputs: usize) -> f32 {
    1.0 / (inputs.max(1) as f32).sqrt()
}
