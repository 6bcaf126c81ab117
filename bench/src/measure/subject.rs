//! A model that is being measured, and what a step costs it.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checkpoint::{Architecture, Checkpoint, Position, Tensor, Weights};
use engine::{Adapter, BLOCK_TOKENS, EngineSettings, Model, Run, Wanted};
use kernels::{Format, Rows};

use super::gauge::Cost;

pub(super) struct Subject {
    model: Model,
    vocabulary: usize,
    /// Operations of a token in the matrix products of the layers: two for each weight.
    operations: f64,
    /// The same in the head, for a token whose logits are wanted.
    head_operations: f64,
    /// Bytes of the weights that a step reads, as they are in the file.
    weight_bytes: f64,
    /// Bytes of keys and values of a token.
    cache_bytes: f64,
    /// That of the head, or of the first weights of integers, whose products are all alike.
    format: Format,
}

/// So many tokens in so many steps took this time, each reading so many tokens of context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) tokens: usize,
    /// Of those, the ones whose logits were computed.
    pub(super) wanted: usize,
    pub(super) steps: usize,
    pub(super) context: usize,
    pub(super) time: Duration,
}

impl Subject {
    /// With room for so many tokens of keys and values. Where that is more than the model's context, the context is taken to be
    /// longer: the answers of a model with random weights mean nothing, and the work is the same. Learned positions there are only so many.
    pub(super) fn load(path: &Path, threads: NonZeroUsize, tokens: usize) -> Result<Self> {
        let checkpoint = Checkpoint::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let (mut architecture, weights) = (checkpoint.architecture, checkpoint.weights);
        let context = architecture.context;
        ensure!(
            architecture.position != Position::Learned || tokens <= context,
            "{tokens} tokens are more than the {context} that this model has positions for: lower --depth and --prompt"
        );
        architecture.context = context.max(tokens);
        let vocabulary = architecture.vocabulary;
        let matrices = multiplied(&weights);
        let operations = |matrix: &Tensor| 2.0 * (matrix.rows() * matrix.columns()) as f64;
        let head_operations = operations(weights.head());
        let all_operations: f64 = matrices.iter().copied().map(operations).sum();
        let weight_bytes: usize = matrices.iter().map(|matrix| matrix.bytes()).sum();
        let mut formats = matrices.iter().map(|matrix| matrix.format());
        let format = formats.find(|format| format.is_integer()).unwrap_or(weights.head().format());
        let cache_bytes = cache_bytes_per_token(&architecture, &weights);
        let room = (tokens.next_multiple_of(BLOCK_TOKENS)) * cache_bytes;
        let model = Model::load(architecture, weights, threads, room, None, 1, &mut |_| {})?;
        ensure!(model.blocks() * BLOCK_TOKENS >= tokens, "{tokens} tokens do not fit into the cache");
        Ok(Self {
            model,
            vocabulary,
            operations: all_operations - head_operations,
            head_operations,
            weight_bytes: weight_bytes as f64,
            cache_bytes: cache_bytes as f64,
            format,
        })
    }

    /// What one step of one sequence reads.
    pub(super) fn weight_bytes(&self) -> usize {
        self.weight_bytes as usize
    }

    /// Reads a prompt into the cache, in chunks as the server has them, and gives the logits behind it.
    pub(super) fn prefill(&mut self, sequence: &Sequence) -> Work {
        let tokens: Vec<u32> = (0..sequence.length).map(|position| self.token(sequence, position)).collect();
        let start = Instant::now();
        let chunk_tokens = EngineSettings::STEP_TOKENS.get();
        for (index, chunk) in tokens.chunks(chunk_tokens).enumerate() {
            let first = index * chunk_tokens;
            let wanted = if first + chunk.len() == tokens.len() { Wanted::Last } else { Wanted::Nothing };
            let rows =
                self.model.forward(&[Run { tokens: chunk, start: first, blocks: &sequence.blocks, wanted, adapter: None }]);
            self.model.logits(0..rows);
        }
        let (steps, time) = (tokens.len().div_ceil(chunk_tokens), start.elapsed());
        Work { tokens: tokens.len(), wanted: 1, steps, context: tokens.len() / 2, time }
    }

    pub(super) fn architecture(&self) -> &Architecture {
        self.model.architecture()
    }

    pub(super) fn adapter(&self, adapter: &checkpoint::Adapter) -> Result<Adapter> {
        Ok(self.model.adapter(adapter)?)
    }

    /// So many steps of all these sequences together, each behind as much context as it is long.
    pub(super) fn decode(&mut self, sequences: &[Sequence], steps: usize) -> Work {
        self.decode_with(sequences, steps, &[])
    }

    /// The same, the first of them each with one of these adapters.
    pub(super) fn decode_with(&mut self, sequences: &[Sequence], steps: usize, adapters: &[Adapter]) -> Work {
        let start = Instant::now();
        for step in 0..steps {
            let next: Vec<u32> = sequences.iter().map(|sequence| self.token(sequence, sequence.length + step)).collect();
            let runs: Vec<_> = next
                .chunks(1)
                .zip(sequences)
                .enumerate()
                .map(|(index, (tokens, Sequence { blocks, length }))| Run {
                    tokens,
                    start: length + step,
                    blocks,
                    wanted: Wanted::Last,
                    adapter: adapters.get(index),
                })
                .collect();
            let rows = self.model.forward(&runs);
            self.model.logits(0..rows);
        }
        let context = sequences.iter().map(|sequence| sequence.length + steps / 2).sum();
        let tokens = sequences.len() * steps;
        Work { tokens, wanted: tokens, steps, context, time: start.elapsed() }
    }

    /// What the last step gave for its first sequence.
    pub(super) fn last_logits(&mut self) -> &[f32] {
        self.model.logits(0..1)
    }

    pub(super) fn cost(&self, work: &Work) -> Cost {
        let Work { tokens, wanted, steps, context, time } = *work;
        let seconds = time.as_secs_f64();
        let bytes = (self.weight_bytes + self.cache_bytes * context as f64) * steps as f64;
        let operations = self.operations * tokens as f64 + self.head_operations * wanted as f64;
        Cost { bytes: bytes / seconds, operations: operations / seconds, format: self.format }
    }

    /// Some token, another one at each place: what it is does not change the work.
    fn token(&self, sequence: &Sequence, position: usize) -> u32 {
        let first = sequence.blocks.first().copied().unwrap_or_default() as usize;
        ((first * 7919 + position * 104_729) % self.vocabulary) as u32
    }
}

impl Work {
    /// Tokens a second.
    pub(super) fn rate(&self) -> f64 {
        self.tokens as f64 / self.time.as_secs_f64()
    }
}

/// A sequence's place in the cache, and how many tokens it has so far.
#[derive(Debug)]
pub(super) struct Sequence {
    blocks: Vec<u32>,
    length: usize,
}

impl Sequence {
    /// The `index`th of sequences of equal size: `length` tokens, and room for `more`.
    pub(super) fn new(index: usize, length: usize, more: usize) -> Self {
        let blocks = (length + more).div_ceil(BLOCK_TOKENS);
        let blocks = (index * blocks..(index + 1) * blocks).map(|block| block as u32).collect();
        Self { blocks, length }
    }

    /// Tokens of the cache that `count` of these take.
    pub(super) fn room(count: usize, length: usize, more: usize) -> usize {
        count * (length + more).next_multiple_of(BLOCK_TOKENS)
    }
}

/// Bytes of keys and values that a token takes.
pub(super) fn cache_bytes_per_token(architecture: &Architecture, weights: &Weights) -> usize {
    // As the engine chooses it: half floats, unless the weights are whole ones.
    let exact = weights.layers.first().is_some_and(|layer| layer.query.weight.format() == Format::F32);
    2 * architecture.layers * architecture.kv_heads * architecture.head_dim * if exact { 4 } else { 2 }
}

/// The matrices that a step multiplies with. Embeddings that are not the head as well are only looked up.
fn multiplied(weights: &Weights) -> Vec<&Tensor> {
    let layers = weights.layers.iter().flat_map(|layer| {
        let all = [&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.down];
        all.into_iter().chain(&layer.gate).map(|linear| &linear.weight)
    });
    layers.chain([weights.head()]).collect()
}
