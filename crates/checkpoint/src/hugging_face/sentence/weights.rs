//! The weights, by the names that transformers gives them.

use super::config::SentenceArchitecture;
use crate::tensors::Tensors;
use crate::{Linear, NormWeights, Result, Tensor};

/// Each where the computation looks for it.
#[derive(Debug, Clone)]
pub struct SentenceWeights {
    pub words: Tensor,     // (vocabulary, hidden)
    pub positions: Tensor, // (positions, hidden)
    /// Of the first of two texts: what is encoded is one.
    pub kind: Vec<f32>, // (hidden)
    pub norm: NormWeights,
    pub layers: Vec<SentenceLayer>,
}

/// The norms come after what they belong to has been added.
#[derive(Debug, Clone)]
pub struct SentenceLayer {
    pub query: Linear,  // (hidden, hidden)
    pub key: Linear,    // (hidden, hidden)
    pub value: Linear,  // (hidden, hidden)
    pub output: Linear, // (hidden, hidden)
    pub attention_norm: NormWeights,
    pub up: Linear,   // (intermediate, hidden)
    pub down: Linear, // (hidden, intermediate)
    pub norm: NormWeights,
}

pub(super) fn read(tensors: &Tensors, architecture: &SentenceArchitecture) -> Result<SentenceWeights> {
    let reading = Reading { tensors, prefix: prefix(tensors), hidden: architecture.hidden };
    let kinds = reading.kinds()?;
    let mut kind = vec![0.0; architecture.hidden];
    kinds.dequantise_row(0, &mut kind);
    Ok(SentenceWeights {
        words: reading.matrix("embeddings.word_embeddings", architecture.vocabulary, architecture.hidden)?,
        positions: reading.matrix("embeddings.position_embeddings", architecture.positions, architecture.hidden)?,
        kind,
        norm: reading.norm("embeddings.LayerNorm")?,
        layers: (0..architecture.layers)
            .map(|index| reading.layer(index, architecture.intermediate))
            .collect::<Result<_>>()?,
    })
}

/// Models that were trained with a head keep what is below it under the family's name.
fn prefix(tensors: &Tensors) -> &'static str {
    let has_words = |prefix: &&str| tensors.has(&format!("{prefix}embeddings.word_embeddings.weight"));
    ["", "bert.", "roberta."].into_iter().find(has_words).unwrap_or_default()
}

struct Reading<'a> {
    tensors: &'a Tensors,
    prefix: &'static str,
    hidden: usize,
}

impl Reading<'_> {
    fn layer(&self, index: usize, intermediate: usize) -> Result<SentenceLayer> {
        let hidden = self.hidden;
        let linear = |name: &str, rows, columns| self.linear(&format!("encoder.layer.{index}.{name}.dense"), rows, columns);
        let attention = |name: &str| self.linear(&format!("encoder.layer.{index}.attention.self.{name}"), hidden, hidden);
        Ok(SentenceLayer {
            query: attention("query")?,
            key: attention("key")?,
            value: attention("value")?,
            output: linear("attention.output", hidden, hidden)?,
            attention_norm: self.norm(&format!("encoder.layer.{index}.attention.output.LayerNorm"))?,
            up: linear("intermediate", intermediate, hidden)?,
            down: linear("output", hidden, intermediate)?,
            norm: self.norm(&format!("encoder.layer.{index}.output.LayerNorm"))?,
        })
    }

    fn linear(&self, name: &str, rows: usize, columns: usize) -> Result<Linear> {
        let bias = self.tensors.vector(&format!("{}{name}.bias", self.prefix), rows)?;
        Ok(Linear { weight: self.matrix(name, rows, columns)?, bias: Some(bias) })
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        self.tensors.matrix(&format!("{}{name}.weight", self.prefix), rows, columns)
    }

    /// As many rows as the family has kinds of text.
    fn kinds(&self) -> Result<Tensor> {
        let name = format!("{}embeddings.token_type_embeddings.weight", self.prefix);
        let rows = self.tensors.stored(&name)?.shape.first().copied().unwrap_or(0).max(1);
        self.tensors.matrix(&name, rows, self.hidden)
    }

    /// Files that were converted from TensorFlow call the weight gamma and the bias beta.
    fn norm(&self, name: &str) -> Result<NormWeights> {
        let vector = |new: &str, old: &str| {
            let (new, old) = (format!("{}{name}.{new}", self.prefix), format!("{}{name}.{old}", self.prefix));
            self.tensors.vector(if self.tensors.has(&old) { &old } else { &new }, self.hidden)
        };
        Ok(NormWeights { weight: vector("weight", "gamma")?, bias: Some(vector("bias", "beta")?) })
    }
}
