//! The weights of a decoder, each where the computation looks for it.

use crate::Tensor;

#[derive(Debug, Clone)]
pub struct Weights {
    pub embeddings: Tensor, // (vocabulary, hidden)
    /// Where positions are learned.
    pub positions: Option<Tensor>, // (context, hidden)
    pub layers: Vec<LayerWeights>,
    pub final_norm: NormWeights,
    /// `None` where the embeddings are the head too.
    pub head: Option<Tensor>, // (vocabulary, hidden), of a classifier (classes, hidden)
}

impl Weights {
    /// The matrix that turns the last hidden state into logits.
    pub fn head(&self) -> &Tensor {
        self.head.as_ref().unwrap_or(&self.embeddings)
    }
}

#[derive(Debug, Clone)]
pub struct LayerWeights {
    pub attention_norm: NormWeights,
    pub query: Linear,  // (heads · head_dim, hidden)
    pub key: Linear,    // (kv_heads · head_dim, hidden)
    pub value: Linear,  // (kv_heads · head_dim, hidden)
    pub output: Linear, // (hidden, heads · head_dim)
    /// Where queries are normalised head by head, before they are rotated.
    pub query_norm: Option<Vec<f32>>, // (head_dim)
    pub key_norm: Option<Vec<f32>>, // (head_dim)
    pub mlp_norm: NormWeights,
    /// Where the MLP is gated: `down(activation(gate(x)) · up(x))`, and otherwise `down(activation(up(x)))`.
    pub gate: Option<Linear>, // (intermediate, hidden)
    pub up: Linear,   // (intermediate, hidden)
    pub down: Linear, // (hidden, intermediate)
}

#[derive(Debug, Clone, PartialEq)]
pub struct NormWeights {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

#[derive(Debug, Clone)]
pub struct Linear {
    pub weight: Tensor,         // (out, in)
    pub bias: Option<Vec<f32>>, // (out)
}
