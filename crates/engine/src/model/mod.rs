//! The decoder: token ids in, logits out.

mod adapter;
mod forward;
mod load;
mod scratch;

use std::sync::Arc;

use checkpoint::{Architecture, NormWeights, Tensor};
use kernels::{Activation, AttentionShape, KvCache, KvElement, Matrix, Pool, RopeTable};

use scratch::Scratch;

pub use adapter::Adapter;
pub(crate) use adapter::{AdapterNumber, Fit};
pub use load::ModelError;
pub(crate) use load::{check_cache, part_of_cache};

/// Positions that one KV block holds. Small blocks share more of a prefix, large ones make longer runs for attention.
pub const BLOCK_TOKENS: usize = 16;

/// A packed model, its KV cache, and the threads that run it.
pub struct Model {
    architecture: Architecture,
    pool: Arc<Pool>,
    /// (vocabulary, hidden), read where it lies in the file; `None` where the head is the embeddings too.
    embeddings: Option<Tensor>,
    positions: Option<Tensor>, // (context, hidden)
    layers: Vec<Layer>,
    final_norm: NormWeights,
    head: Matrix, // (vocabulary, hidden)
    rope: Option<RopeTable>,
    cache: KvCache,
    /// What was asked for, for models that run beside it.
    kv_element: Option<KvElement>,
    weight_bytes: u64,
    scratch: Scratch,
}

struct Layer {
    attention_norm: NormWeights,
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    attention: AttentionShape,
    mlp_norm: NormWeights,
    gate: Option<Projection>,
    up: Projection,
    down: Projection,
    activation: Activation,
}

struct Projection {
    weight: Matrix,
    bias: Option<Vec<f32>>,
}

/// A run of one sequence's tokens, to be computed in a step.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub tokens: &'a [u32],
    /// The position of the first.
    pub start: usize,
    /// The sequence's blocks, from its beginning; they reach at least to the end of the run.
    pub blocks: &'a [u32],
    pub wanted: Wanted,
    /// What is added to the model for these tokens.
    pub adapter: Option<&'a Adapter>,
}

/// For which of its tokens a run gives logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Nothing,
    Last,
    All,
}

impl Model {
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Blocks that the KV cache has.
    pub fn blocks(&self) -> usize {
        self.cache.blocks()
    }

    /// The threads that run it.
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    pub(crate) fn cache_bytes(&self) -> u64 {
        (self.cache.blocks() * self.cache.shape().bytes_per_block()) as u64
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Model").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}
