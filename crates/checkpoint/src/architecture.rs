//! What is to be computed: the sizes and options of one decoder, whatever the file said them in.

use std::path::Path;

use crate::{Error, Family, Result};

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
    /// Not always `hidden / heads`. Even where positions are rotary.
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
    /// Rotary, in half-split pairs: dimension `i` turns with `i + head_dim / 2`, by the position times frequency `i`. Sine and
    /// cosine are multiplied by `attention_factor`.
    Rope { inverse_frequencies: Vec<f32>, attention_factor: f32 },
    /// Rows of `Weights::positions`, added to the embeddings.
    Learned,
}

/// Gated MLPs always have `Silu`, the others one of the two GELUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// The approximation by tanh (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// The exact form (`gelu`).
    GeluErf,
}

/// The sizes that a file gives, before anything is computed or allocated from them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) intermediate: usize,
    pub(crate) context: usize,
}

/// Far above any model there is, and low enough that products of two of them cannot overflow.
const LARGEST: usize = 1 << 28;
const MOST_LAYERS: usize = 4096;
const LARGEST_HEAD: usize = 4096;

impl Sizes {
    /// Refuses sizes that no model can have. `rotary` heads turn in pairs, so that their size must be even.
    pub(crate) fn check(&self, file: &Path, rotary: bool) -> Result<()> {
        let bounds = [
            ("vocabulary size", self.vocabulary, LARGEST),
            ("hidden size", self.hidden, LARGEST),
            ("number of layers", self.layers, MOST_LAYERS),
            ("number of attention heads", self.heads, LARGEST / LARGEST_HEAD),
            ("number of key/value heads", self.kv_heads, LARGEST / LARGEST_HEAD),
            ("head size", self.head_dim, LARGEST_HEAD),
            ("intermediate size", self.intermediate, LARGEST),
            ("context length", self.context, LARGEST),
        ];
        for (key, found, most) in bounds {
            if found == 0 || found > most {
                return Err(Error::field(file, key, format!("1 to {most}"), found.to_string()));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let expected = format!("a divisor of the {} attention heads", self.heads);
            return Err(Error::field(file, "number of key/value heads", expected, self.kv_heads.to_string()));
        }
        if rotary && !self.head_dim.is_multiple_of(2) {
            return Err(Error::field(file, "head size", "an even number", self.head_dim.to_string()));
        }
        Ok(())
    }
}
