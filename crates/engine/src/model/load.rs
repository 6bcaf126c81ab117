//! From a checkpoint's tensors to packed matrices.

use std::num::NonZeroUsize;
use std::sync::Arc;

use checkpoint::{Architecture, LayerWeights, Linear, Position, Tensor, Weights};
use kernels::{Activation, Arena, AttentionShape, Format, KvCache, KvElement, KvShape, Matrix, Pool, RopeTable, Rows};
use thiserror::Error;

use super::scratch::Scratch;
use super::{BLOCK_TOKENS, Layer, Model, Projection};
use crate::settings::Progress;

#[derive(Debug, Error)]
pub enum ModelError {
    #[error("a matrix of the model cannot be packed")]
    Pack(#[from] kernels::PackError),
    #[error("the adapter holds a number that is none, or its weights and its scale (lora_alpha) are out of all proportion")]
    NotFinite,
    #[error("what the model computes is no number: a weight is damaged, a NaN or infinite")]
    NotSound,
    #[error("there is no memory for weights of {bytes} bytes")]
    Weights { bytes: usize },
    #[error("there is no memory for a KV cache of {bytes} bytes")]
    KvCache { bytes: usize, source: kernels::CacheError },
    #[error(
        "the KV cache of {bytes} bytes does not hold one block of {BLOCK_TOKENS} tokens, which is {block} bytes for this model"
    )]
    KvCacheTooSmall { bytes: usize, block: usize },
}

/// Packs matrices one by one and tells how far it is.
struct Packer<'a> {
    pool: &'a Pool,
    arena: Arena,
    done: usize,
    total: usize,
    bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Packer<'_> {
    fn matrix(&mut self, tensor: &Tensor) -> Result<Matrix, ModelError> {
        let matrix = Matrix::pack_into(&mut self.arena, self.pool, tensor)?;
        tensor.release();
        self.done += 1;
        self.bytes += matrix.bytes() as u64;
        (self.progress)(Progress { done: self.done, total: self.total });
        Ok(matrix)
    }

    fn projection(&mut self, linear: Linear) -> Result<Projection, ModelError> {
        Ok(Projection { weight: self.matrix(&linear.weight)?, bias: linear.bias })
    }

    fn layer(&mut self, architecture: &Architecture, index: usize, weights: LayerWeights) -> Result<Layer, ModelError> {
        Ok(Layer {
            attention_norm: weights.attention_norm,
            query: self.projection(weights.query)?,
            key: self.projection(weights.key)?,
            value: self.projection(weights.value)?,
            output: self.projection(weights.output)?,
            query_norm: weights.query_norm,
            key_norm: weights.key_norm,
            attention: AttentionShape {
                heads: architecture.heads,
                kv_heads: architecture.kv_heads,
                head_dim: architecture.head_dim,
                scale: architecture.attention_scale,
                causal: true,
                window: architecture.window.get(index).copied().flatten(),
            },
            mlp_norm: weights.mlp_norm,
            gate: weights.gate.map(|gate| self.projection(gate)).transpose()?,
            up: self.projection(weights.up)?,
            down: self.projection(weights.down)?,
            activation: activation(architecture.activation),
        })
    }
}

fn activation(of: checkpoint::Activation) -> Activation {
    match of {
        checkpoint::Activation::Silu => Activation::Silu,
        checkpoint::Activation::GeluTanh => Activation::GeluTanh,
        checkpoint::Activation::GeluErf => Activation::GeluErf,
    }
}

impl Model {
    /// Packs the weights for this machine and takes `kv_cache_bytes` (or as much of it as `sequences` of full length can
    /// use) for keys and values, held as `kv_element` says.
    pub fn load(
        architecture: Architecture,
        weights: Weights,
        threads: NonZeroUsize,
        kv_cache_bytes: usize,
        kv_element: Option<KvElement>,
        sequences: usize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ModelError> {
        let cache = new_cache(&architecture, &weights, kv_cache_bytes, kv_element, sequences)?;
        Self::pack(Arc::new(Pool::new(threads)), (cache, kv_element), architecture, weights, progress)
    }

    /// Loads another model that runs on the same threads and has its keys and values in as many blocks, so that a block's number
    /// can mean both's.
    pub(crate) fn load_beside(
        &self,
        architecture: Architecture,
        weights: Weights,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ModelError> {
        let (shape, blocks) = (kv_shape(&architecture, &weights, self.kv_element), self.blocks());
        let bytes = blocks.saturating_mul(shape.bytes_per_block());
        let cache = KvCache::new(shape, blocks).map_err(|source| ModelError::KvCache { bytes, source })?;
        Self::pack(Arc::clone(&self.pool), (cache, self.kv_element), architecture, weights, progress)
    }

    fn pack(
        pool: Arc<Pool>,
        (cache, kv_element): (KvCache, Option<KvElement>),
        architecture: Architecture,
        weights: Weights,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ModelError> {
        let bytes = matrices(&weights).map(|tensor| Matrix::bytes_in_arena(tensor)).sum();
        let arena = Arena::new(bytes).ok_or(ModelError::Weights { bytes })?;
        let total = matrices(&weights).count();
        let mut packer = Packer { pool: &pool, arena, done: 0, total, bytes: 0, progress };
        let head = packer.matrix(weights.head())?;
        let layers = weights
            .layers
            .into_iter()
            .enumerate()
            .map(|(index, layer)| packer.layer(&architecture, index, layer))
            .collect::<Result<_, _>>()?;
        let weight_bytes = packer.bytes;
        let rope = match &architecture.position {
            Position::Rope { inverse_frequencies, attention_factor } => {
                let positions = architecture.context.min(cache.blocks() * BLOCK_TOKENS);
                Some(RopeTable::new(inverse_frequencies, *attention_factor, positions))
            }
            Position::Learned => None,
        };
        // What the head holds need not be in memory a second time.
        let embeddings = weights.head.is_some().then_some(weights.embeddings);
        let (positions, final_norm) = (weights.positions, weights.final_norm);
        let scratch = Scratch::default();
        Ok(Self {
            architecture,
            pool,
            embeddings,
            positions,
            layers,
            final_norm,
            head,
            rope,
            cache,
            kv_element,
            weight_bytes,
            scratch,
        })
    }
}

/// All matrices, in the order in which they are packed.
fn matrices(weights: &Weights) -> impl Iterator<Item = &Tensor> {
    let layers = weights.layers.iter().flat_map(|layer| {
        let attention = [&layer.query, &layer.key, &layer.value, &layer.output];
        attention.into_iter().chain(&layer.gate).chain([&layer.up, &layer.down])
    });
    std::iter::once(weights.head()).chain(layers.map(|linear| &linear.weight))
}

/// Of so many bytes for the keys and values of two models in as many blocks, those of the first.
pub(crate) fn part_of_cache(
    bytes: usize,
    element: Option<KvElement>,
    first: (&Architecture, &Weights),
    second: (&Architecture, &Weights),
) -> usize {
    let block = |(architecture, weights)| kv_shape(architecture, weights, element).bytes_per_block();
    let [first, second] = [first, second].map(block);
    (bytes as f64 * first as f64 / (first as f64 + second as f64)) as usize
}

fn kv_shape(architecture: &Architecture, weights: &Weights, element: Option<KvElement>) -> KvShape {
    // Half the width costs no accuracy beside rounded weights, but it would beside exact ones.
    let exact = weights.layers.first().is_some_and(|layer| layer.query.weight.format() == Format::F32);
    KvShape {
        layers: architecture.layers,
        kv_heads: architecture.kv_heads,
        head_dim: architecture.head_dim,
        block_tokens: BLOCK_TOKENS,
        element: element.unwrap_or(if exact { KvElement::F32 } else { KvElement::F16 }),
    }
}

fn new_cache(
    architecture: &Architecture,
    weights: &Weights,
    bytes: usize,
    element: Option<KvElement>,
    sequences: usize,
) -> Result<KvCache, ModelError> {
    check_cache(architecture, weights, bytes, element)?;
    let shape = kv_shape(architecture, weights, element);
    let block = shape.bytes_per_block();
    let useful = architecture.context.div_ceil(BLOCK_TOKENS).saturating_mul(sequences);
    let blocks = (bytes / block).min(useful).min(u32::MAX as usize);
    KvCache::new(shape, blocks).map_err(|source| ModelError::KvCache { bytes: blocks * block, source })
}

/// Whether so many bytes hold anything.
pub(crate) fn check_cache(
    architecture: &Architecture,
    weights: &Weights,
    bytes: usize,
    element: Option<KvElement>,
) -> Result<(), ModelError> {
    let block = kv_shape(architecture, weights, element).bytes_per_block();
    if bytes < block { Err(ModelError::KvCacheTooSmall { bytes, block }) } else { Ok(()) }
}
