//! What has learned, and its numbers as tensors with names, as they are in files.

use std::collections::BTreeMap;

use half::f16;

use super::Type;
use crate::baseline::{Elo, Knn, Linear};
use crate::data::Example;
use crate::network::{DenseNetwork, Matrix, Parameters, Shape};

#[derive(Debug, Clone)]
pub enum Method {
    DenseNetwork(DenseNetwork),
    Elo(Elo),
    Knn(Knn),
    Linear(Linear),
}

/// A tensor in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    /// In files of half precision: a scorer's numbers are not known more exactly than that.
    Numbers(Matrix),
    /// Places in other tensors.
    Places(Vec<u32>),
}

/// The tensors are not those of a method, or not for as many models and inputs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Misfit {
    #[error("there is no tensor {0}")]
    Missing(String),
    #[error("the tensor {name} has the shape {found:?}, not {expected:?}")]
    Shape { name: String, found: [usize; 2], expected: [usize; 2] },
    #[error("the tensor {0} holds a number that is not finite")]
    NotFinite(String),
    #[error("the tensor {0} points to what is not there")]
    Place(String),
    #[error("the tensors are narrower than the network that they claim to be of")]
    Width,
    #[error("the tensor {0} is none of this method")]
    Unexpected(String),
}

impl Method {
    pub fn kind(&self) -> Type {
        match self {
            Self::DenseNetwork(_) => Type::DenseNetwork,
            Self::Elo(_) => Type::Elo,
            Self::Knn(_) => Type::Knn,
            Self::Linear(_) => Type::Linear,
        }
    }

    /// One score for each model, by number. `row` is as long as the inputs are wide.
    pub fn score(&self, row: &[f32], models: &[usize]) -> Vec<f32> {
        match self {
            Self::DenseNetwork(network) => network.score(row, models),
            Self::Elo(elo) => models.iter().map(|model| elo.strengths[*model]).collect(),
            Self::Linear(linear) => models.iter().map(|model| linear.score(row, *model)).collect(),
            Self::Knn(knn) => {
                let all = knn.score(row);
                models.iter().map(|model| all[*model]).collect()
            }
        }
    }

    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        let numbers = |(name, matrix): (String, &Matrix)| (name, Tensor::Numbers(matrix.clone()));
        match self {
            Self::DenseNetwork(network) => network.parameters().named().into_iter().map(numbers).collect(),
            Self::Elo(elo) => BTreeMap::from([("strengths".to_owned(), column(&elo.strengths))]),
            Self::Linear(linear) => {
                let named = [("weights".to_owned(), &linear.weights), ("bias".to_owned(), &linear.bias)];
                named.into_iter().map(numbers).collect()
            }
            Self::Knn(knn) => knn_tensors(knn),
        }
    }

    /// The method of these tensors, if they fit one another, the number of models, and rows of `inputs` numbers of which the
    /// first `dimensions` are the embedding.
    pub fn restore(
        kind: Type,
        tensors: BTreeMap<String, Tensor>,
        models: usize,
        inputs: usize,
        dimensions: usize,
    ) -> Result<Self, Misfit> {
        let mut tensors = Tensors(tensors);
        let method = match kind {
            Type::DenseNetwork => Self::DenseNetwork(DenseNetwork::new(tensors.parameters(models, inputs)?)),
            Type::Elo => Self::Elo(Elo { strengths: tensors.numbers("strengths", [1, models])?.values }),
            Type::Linear => Self::Linear(Linear {
                weights: tensors.numbers("weights", [models, inputs])?,
                bias: tensors.numbers("bias", [1, models])?,
            }),
            Type::Knn => Self::Knn(tensors.knn(models, dimensions)?),
        };
        match tensors.0.into_keys().next() {
            Some(name) => Err(Misfit::Unexpected(name)),
            None => Ok(method),
        }
    }

    /// With every number as a file would hold it: what is measured is then what is saved.
    pub fn rounded(self, models: usize, inputs: usize, dimensions: usize) -> Result<Self, Misfit> {
        let mut tensors = self.tensors();
        for tensor in tensors.values_mut() {
            if let Tensor::Numbers(matrix) = tensor {
                for value in &mut matrix.values {
                    *value = f16::from_f32(*value).to_f32();
                }
            }
        }
        Self::restore(self.kind(), tensors, models, inputs, dimensions)
    }
}

fn column(values: &[f32]) -> Tensor {
    Tensor::Numbers(Matrix { rows: 1, columns: values.len(), values: values.to_vec() })
}

fn knn_tensors(knn: &Knn) -> BTreeMap<String, Tensor> {
    let places =
        |place: fn(&Example) -> usize| Tensor::Places(knn.examples.iter().map(|example| place(example) as u32).collect());
    let credits: Vec<f32> = knn.examples.iter().map(|example| example.credit).collect();
    let named = [
        ("prompts", Tensor::Numbers(knn.prompts.clone())),
        ("strengths", column(&knn.strengths)),
        ("k", Tensor::Places(vec![knn.k as u32])),
        ("examples.prompt", places(|example| example.prompt)),
        ("examples.model", places(|example| example.model)),
        // A model that has no rival is its own.
        ("examples.rival", places(|example| example.rival.unwrap_or(example.model))),
        ("examples.credit", column(&credits)),
    ];
    named.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    fn numbers(&mut self, name: &str, expected: [usize; 2]) -> Result<Matrix, Misfit> {
        let Some(Tensor::Numbers(matrix)) = self.0.remove(name) else { return Err(Misfit::Missing(name.to_owned())) };
        let found = [matrix.rows, matrix.columns];
        if found != expected || expected[1] == 0 {
            return Err(Misfit::Shape { name: name.to_owned(), found, expected });
        }
        if matrix.values.iter().any(|value| !value.is_finite()) {
            return Err(Misfit::NotFinite(name.to_owned()));
        }
        Ok(matrix)
    }

    /// `count` places below `end`.
    fn places(&mut self, name: &str, count: usize, end: usize) -> Result<Vec<usize>, Misfit> {
        let Some(Tensor::Places(places)) = self.0.remove(name) else { return Err(Misfit::Missing(name.to_owned())) };
        let sound = places.len() == count && places.iter().all(|place| (*place as usize) < end);
        sound.then(|| places.into_iter().map(|place| place as usize).collect()).ok_or_else(|| Misfit::Place(name.to_owned()))
    }

    fn columns(&self, name: &str) -> Result<usize, Misfit> {
        match self.0.get(name) {
            Some(Tensor::Numbers(matrix)) => Ok(matrix.columns),
            _ => Err(Misfit::Missing(name.to_owned())),
        }
    }

    fn rows(&self, name: &str) -> Result<usize, Misfit> {
        match self.0.get(name) {
            Some(Tensor::Numbers(matrix)) => Ok(matrix.rows),
            _ => Err(Misfit::Missing(name.to_owned())),
        }
    }

    fn numbers_held(&self) -> usize {
        let held = |tensor: &Tensor| match tensor {
            Tensor::Numbers(matrix) => matrix.values.len(),
            Tensor::Places(_) => 0,
        };
        self.0.values().map(held).sum()
    }

    /// The widths come from the tensors; that they fit one another is then checked for each.
    fn parameters(&mut self, models: usize, inputs: usize) -> Result<Parameters, Misfit> {
        let layers =
            (0..self.0.len()).take_while(|index| self.0.contains_key(&format!("layers.{index}.weights"))).count().max(1);
        let hidden: Result<Vec<usize>, Misfit> =
            (0..layers).map(|index| self.rows(&format!("layers.{index}.weights"))).collect();
        let shape = Shape { inputs, models, model_embedding: self.columns("models")?, hidden: hidden? };
        // A tensor without columns may have any number of rows, and takes no room in a file: there is no memory for what it claims.
        let most = self.numbers_held().saturating_mul(4).saturating_add(1 << 20);
        if shape.numbers().is_none_or(|numbers| numbers > most) {
            return Err(Misfit::Width);
        }
        let mut parameters = Parameters::zeros(&shape);
        let names: Vec<String> = parameters.named().into_iter().map(|(name, _)| name).collect();
        for (matrix, name) in parameters.matrices_mut().into_iter().zip(names) {
            *matrix = self.numbers(&name, [matrix.rows, matrix.columns])?;
        }
        Ok(parameters)
    }

    fn knn(&mut self, models: usize, dimensions: usize) -> Result<Knn, Misfit> {
        let prompts = self.rows("prompts")?;
        let examples = self.columns("examples.credit")?;
        let credits = self.numbers("examples.credit", [1, examples])?.values;
        let places = self.places("examples.prompt", examples, prompts)?;
        let own = self.places("examples.model", examples, models)?;
        let rivals = self.places("examples.rival", examples, models)?;
        let games = places.into_iter().zip(own.into_iter().zip(rivals)).zip(credits);
        let game = |((prompt, (model, rival)), credit): ((usize, (usize, usize)), f32)| Example {
            prompt,
            model,
            rival: (rival != model).then_some(rival),
            credit,
            cost: None,
        };
        Ok(Knn {
            k: self.places("k", 1, usize::MAX)?[0],
            prompts: self.numbers("prompts", [prompts, dimensions])?,
            examples: games.map(game).collect(),
            strengths: self.numbers("strengths", [1, models])?.values,
        })
    }
}
