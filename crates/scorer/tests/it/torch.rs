//! The network does what PyTorch does with the same numbers. `tests/fixtures/make_torch_case.py` made them.

use std::collections::HashMap;

use scorer::chance::Chance;
use scorer::data::Example;
use scorer::network::{Adam, DenseNetwork, Matrix, Parameters, Shape};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    rows: Vec<Vec<f32>>,
    /// (prompt, model, rival, credit)
    examples: Vec<(usize, usize, Option<usize>, f32)>,
    parameters: HashMap<String, Tensor>,
    scores: Vec<Vec<f32>>,
    loss: f32,
    gradients: HashMap<String, Tensor>,
    after_three_steps: HashMap<String, Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    shape: [usize; 2],
    values: Vec<f32>,
}

impl Case {
    fn read() -> Self {
        serde_json::from_str(include_str!("../fixtures/torch.json")).expect("the fixture is as its script writes it")
    }

    fn shape(&self) -> Shape {
        let width = |name: &str| self.parameters[name].shape;
        let hidden = vec![width("layers.0.weights")[0], width("layers.1.weights")[0]];
        Shape { inputs: width("prompt")[0], models: width("models")[0], model_embedding: width("models")[1], hidden }
    }

    fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::zeros(&self.shape());
        let names: Vec<String> = parameters.named().into_iter().map(|(name, _)| name).collect();
        for (matrix, name) in parameters.matrices_mut().into_iter().zip(names) {
            let Tensor { shape: [rows, columns], values } = &self.parameters[&name];
            assert_eq!((matrix.rows, matrix.columns), (*rows, *columns), "{name}");
            *matrix = Matrix { rows: *rows, columns: *columns, values: values.clone() };
        }
        parameters
    }

    /// The mean loss and its gradient.
    fn learn(&self, parameters: &Parameters) -> (f32, Parameters) {
        let mut gradient = Parameters::zeros(&self.shape());
        let weight = 1.0 / self.examples.len() as f32;
        let loss = self.examples.iter().map(|(prompt, model, rival, credit)| {
            let example = Example { prompt: *prompt, model: *model, rival: *rival, credit: *credit, cost: None };
            parameters.learn(&self.rows[*prompt], &example, weight, 0.0, &mut Chance::new(0), &mut gradient)
        });
        let loss = loss.sum::<f32>() * weight;
        (loss, gradient)
    }
}

fn check(found: &Parameters, expected: &HashMap<String, Tensor>) {
    for (name, matrix) in found.named() {
        for (found, expected) in matrix.values.iter().zip(&expected[&name].values) {
            assert!((found - expected).abs() < 1e-5, "{name}: {found}, not {expected}");
        }
    }
}

#[test]
fn scores_are_those_of_pytorch() {
    let case = Case::read();
    let network = DenseNetwork::new(case.parameters());
    for (row, expected) in case.rows.iter().zip(&case.scores) {
        let scores = network.score(row, &[0, 1, 2]);
        assert!(scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{scores:?}, not {expected:?}");
    }
}

#[test]
fn loss_and_gradients_are_those_of_pytorch() {
    let case = Case::read();
    let (loss, gradient) = case.learn(&case.parameters());
    assert!((loss - case.loss).abs() < 1e-6, "{loss}, not {}", case.loss);
    check(&gradient, &case.gradients);
}

#[test]
fn steps_of_adam_are_those_of_pytorch() {
    let case = Case::read();
    let mut parameters = case.parameters();
    let mut adam = Adam::new(0.01, 0.1);
    for _ in 0..3 {
        let (_, gradient) = case.learn(&parameters);
        let gradients: Vec<_> = gradient.named().into_iter().map(|(_, matrix)| matrix).collect();
        adam.step(parameters.matrices_mut(), &gradients);
    }
    check(&parameters, &case.after_three_steps);
}
