//! What is to be computed: the sizes and options of one decoder, whatever the file said them in.

use crate::Family;

/// A decoder-only transformer. That the MLP is gated, that projections have biases and that queries and keys are
/// normalised is told by which weights are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    pub family: Family,
    /// Rows of the embeddings; token ids are below this.
    pub vocabulary: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    /// Divides `heads`.
    pub kv_heads: usize,
    /// Not always `hidden / heads`.
    pub head_dim: usize,
    /// Columns of the MLP's last projection.
    pub intermediate: usize,
    /// Most positions of a sequence.
    pub context: usize,
    pub norm: Norm,
    pub position: Position,
    pub activation: Activation,
    /// For each layer the number of last positions that a query sees, its own among them; `None` is all.
    pub window: Vec<Option<usize>>,
    /// What query · key is multiplied by before the softmax.
    pub attention_scale: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    Rms { eps: f32 },
    Layer { eps: f32 },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Position {
    /// Rotary, in half-split pairs: dimension `i` turns with `i + inverse_frequencies.len()`; the dimensions beyond stay.
    /// Sine and cosine are multiplied by `attention_factor`.
    Rope { inverse_frequencies: Vec<f32>, attention_factor: f32 },
    /// Rows of `Weights::positions`, added to the embeddings.
    Learned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// The approximation by tanh (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// The exact form (`gelu`).
    GeluErf,
    Relu,
}
