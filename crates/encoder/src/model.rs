//! A sentence encoder with its weights packed for this machine.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use checkpoint::{
    Activation, Linear, NormWeights, Pooling, SentenceArchitecture, SentenceEncoder, SentenceLayer, SentenceText, Summary,
    Tensor, tokenizer,
};
use kernels::{Arena, AttentionShape, CacheError, KvCache, KvElement, KvShape, Matrix, PackError, Pool};
use thiserror::Error;

use crate::forward::Scratch;
use crate::pooling;

#[derive(Debug, Error)]
pub enum LoadError {
    #[error("the files of the encoder cannot be read")]
    Checkpoint(#[from] checkpoint::Error),
    #[error("a matrix of the encoder cannot be packed")]
    Pack(#[from] PackError),
    #[error("there is no memory for weights of {bytes} bytes")]
    Weights { bytes: usize },
    #[error("there is no memory for the keys and values of a step")]
    Step(#[from] CacheError),
}

/// Tokens of one step: enough to pay for reading the weights, few enough for what lies between two layers to stay near, and for
/// others not to wait long. One text may be longer.
pub(crate) const STEP_TOKENS: usize = 512;

/// Positions in a block of keys and values.
pub(crate) const BLOCK_TOKENS: usize = 16;

/// What several processors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallel {
    /// All of them compute one step, and then the next: each is over soon.
    Together(NonZeroUsize),
    /// Each computes a step for another caller, on the caller's own thread and so at its priority: more steps are.
    Apart(NonZeroUsize),
}

/// Text → a vector of length 1.
#[derive(Debug)]
pub struct SentenceModel {
    pub(crate) architecture: SentenceArchitecture,
    pub(crate) text: SentenceText,
    pub(crate) summary: Summary,
    pub(crate) pool: Pool,
    pub(crate) words: Tensor,
    pub(crate) positions: Tensor,
    pub(crate) kind: Vec<f32>,
    pub(crate) norm: NormWeights,
    pub(crate) layers: Vec<Layer>,
    pub(crate) attention: AttentionShape,
    pub(crate) activation: kernels::Activation,
    pooling: Pooling,
    weight_bytes: u64,
    /// As many as steps may be computed at once.
    workspaces: Vec<Mutex<Step>>,
}

/// What a step works in. What a panic leaves behind there is overwritten by whoever comes next.
#[derive(Debug)]
struct Step {
    cache: KvCache,
    scratch: Scratch,
}

#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) query: Projection,
    pub(crate) key: Projection,
    pub(crate) value: Projection,
    pub(crate) output: Projection,
    pub(crate) attention_norm: NormWeights,
    pub(crate) up: Projection,
    pub(crate) down: Projection,
    pub(crate) norm: NormWeights,
}

#[derive(Debug)]
pub(crate) struct Projection {
    pub(crate) weight: Matrix,
    pub(crate) bias: Option<Vec<f32>>,
}

impl SentenceModel {
    /// Reads a directory, and packs its weights as they are.
    pub fn open(directory: &Path, parallel: Parallel) -> Result<Self, LoadError> {
        Self::new(SentenceEncoder::open(directory)?, parallel)
    }

    /// Packs its weights.
    pub fn new(files: SentenceEncoder, parallel: Parallel) -> Result<Self, LoadError> {
        let SentenceEncoder { architecture, weights, text, pooling, summary } = files;
        let (threads, at_once) = match parallel {
            Parallel::Together(threads) => (threads, 1),
            Parallel::Apart(callers) => (NonZeroUsize::MIN, callers.get()),
        };
        let pool = Pool::new(threads);
        let matrices = weights.layers.iter().flat_map(matrices);
        let bytes = matrices.map(|tensor| Matrix::bytes_in_arena(tensor)).sum();
        let arena = Arena::new(bytes).ok_or(LoadError::Weights { bytes })?;
        let mut packer = Packer { pool: &pool, arena, bytes: 0 };
        let layers = weights.layers.into_iter().map(|layer| packer.layer(layer)).collect::<Result<_, _>>()?;
        let weight_bytes = packer.bytes;
        let head_dim = architecture.hidden / architecture.heads;
        let attention = AttentionShape {
            heads: architecture.heads,
            kv_heads: architecture.heads,
            head_dim,
            scale: 1.0 / (head_dim as f32).sqrt(),
            causal: false,
            window: None,
        };
        let step = |_| Ok(Mutex::new(Step { cache: cache(&architecture)?, scratch: Scratch::default() }));
        Ok(Self {
            workspaces: (0..at_once).map(step).collect::<Result<_, CacheError>>()?,
            activation: activation(architecture.activation),
            architecture,
            text,
            summary,
            pool,
            words: weights.words,
            positions: weights.positions,
            kind: weights.kind,
            norm: weights.norm,
            layers,
            attention,
            pooling,
            weight_bytes,
        })
    }

    /// Numbers in a vector.
    pub fn dimensions(&self) -> usize {
        self.architecture.hidden
    }

    /// Tokens of a text that are looked at, what is put around it included.
    pub fn most_tokens(&self) -> usize {
        self.architecture.most_tokens
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// What is done with a text that the weights do not tell, in words that differ where it does.
    pub fn reading(&self) -> String {
        format!("{:?} {:?}", self.text, self.pooling)
    }

    /// All tokens of a text, what is put around it included. They may be more than are looked at: see [`cut`](Self::cut).
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, tokenizer::Error> {
        self.text.encode(text)
    }

    /// Leaves of the tokens of a text those that are looked at.
    pub fn cut(&self, tokens: &mut Vec<u32>) {
        self.text.cut(tokens);
    }

    /// The vectors of texts, of which those that are too long are cut.
    pub fn encode<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Vec<f32>>, tokenizer::Error> {
        let tokens = texts.iter().map(|text| {
            let mut tokens = self.tokens(text.as_ref())?;
            self.cut(&mut tokens);
            Ok(tokens)
        });
        let tokens: Vec<Vec<u32>> = tokens.collect::<Result<_, tokenizer::Error>>()?;
        Ok(steps(&tokens).flat_map(|step| self.embed(step)).collect())
    }

    /// The vectors of texts of which no more than [`STEP_TOKENS`] tokens, or one text, are given together: see [`steps`].
    ///
    /// # Panics
    /// If a text has no token, too many, or one that is not in the vocabulary.
    pub(crate) fn embed<T: AsRef<[u32]>>(&self, texts: &[T]) -> Vec<Vec<f32>> {
        let mut workspace = self.workspace();
        let Step { cache, scratch } = &mut *workspace;
        let states = self.forward(texts, cache, scratch);
        let mut rows = states.chunks_exact(self.dimensions());
        let vector = |text: &T| {
            let rows: Vec<&[f32]> = rows.by_ref().take(text.as_ref().len()).collect();
            pooling::pooled(self.pooling, &rows)
        };
        texts.iter().map(vector).collect()
    }

    /// One that nobody works in, as soon as there is one.
    fn workspace(&self) -> MutexGuard<'_, Step> {
        let free = self.workspaces.iter().find_map(|workspace| match workspace.try_lock() {
            Ok(step) => Some(step),
            Err(TryLockError::Poisoned(step)) => Some(step.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| self.workspaces[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Texts, in their order, in runs that are computed together.
pub(crate) fn steps<T: AsRef<[u32]>>(texts: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |text: &&T| {
            tokens += text.as_ref().len();
            tokens <= STEP_TOKENS
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (step, after) = rest.split_at(count);
        rest = after;
        (!step.is_empty()).then_some(step)
    })
}

/// Room for a step, in which each text begins a block of its own and has at least one token, or for one long text.
fn cache(architecture: &SentenceArchitecture) -> Result<KvCache, CacheError> {
    let SentenceArchitecture { heads, hidden, most_tokens, .. } = *architecture;
    let shape = KvShape {
        layers: 1,
        kv_heads: heads,
        head_dim: hidden / heads,
        block_tokens: BLOCK_TOKENS,
        element: KvElement::F32,
    };
    KvCache::new(shape, STEP_TOKENS.max(most_tokens.div_ceil(BLOCK_TOKENS)))
}

fn activation(of: Activation) -> kernels::Activation {
    match of {
        Activation::Silu => kernels::Activation::Silu,
        Activation::GeluTanh => kernels::Activation::GeluTanh,
        Activation::GeluErf => kernels::Activation::GeluErf,
    }
}

fn matrices(layer: &SentenceLayer) -> [&Tensor; 6] {
    [&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.down].map(|linear| &linear.weight)
}

struct Packer<'a> {
    pool: &'a Pool,
    arena: Arena,
    bytes: u64,
}

impl Packer<'_> {
    fn layer(&mut self, layer: SentenceLayer) -> Result<Layer, PackError> {
        Ok(Layer {
            query: self.projection(layer.query)?,
            key: self.projection(layer.key)?,
            value: self.projection(layer.value)?,
            output: self.projection(layer.output)?,
            attention_norm: layer.attention_norm,
            up: self.projection(layer.up)?,
            down: self.projection(layer.down)?,
            norm: layer.norm,
        })
    }

    fn projection(&mut self, linear: Linear) -> Result<Projection, PackError> {
        let weight = Matrix::pack_into(&mut self.arena, self.pool, &linear.weight)?;
        linear.weight.release();
        self.bytes += weight.bytes() as u64;
        Ok(Projection { weight, bias: linear.bias })
    }
}
