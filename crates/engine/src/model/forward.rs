//! One step through all layers.

use std::ops::Range;

use checkpoint::{Norm, NormWeights};
use decoding::are_sound;
use kernels::{FloatBuffer, Form, Group, Input, KvCache, LowRank, Matrix, Pool, Product, RopeTable, Rows, Slot, Span};
use smallvec::SmallVec;

use super::adapter::LayerAdapter;
use super::scratch::Scratch;
use super::{Adapter, BLOCK_TOKENS, Layer, Model, ModelError, Projection, Run, Wanted};

/// So many sequences, and so many adapters, in a step, and it allocates nothing.
const SPANS: usize = 64;
const ADAPTERS: usize = 8;

impl Model {
    /// Runs the tokens of all runs at once, writes their keys and values into the cache, and keeps the final hidden
    /// states of the wanted rows, in order, for [`Model::logits`]. Gives the number of those.
    ///
    /// A row depends on its own sequence alone, to the last bit, whatever else is in the step.
    ///
    /// # Panics
    /// If a token is outside the vocabulary or a run reaches beyond its blocks or the context: callers check requests.
    pub fn forward(&mut self, runs: &[Run<'_>]) -> usize {
        place(runs, &mut self.scratch);
        self.embed(runs);
        let Self { architecture, pool, layers, final_norm, rope, cache, scratch, .. } = self;
        let hidden = architecture.hidden;
        let spans = spans(runs);
        let adapters = adapters(runs);
        let step = Step { pool, norm: architecture.norm, rope: rope.as_ref(), spans: &spans, adapters: &adapters };
        for (index, layer) in layers.iter().enumerate() {
            step.attention(layer, index, cache, scratch);
            step.mlp(layer, index, scratch);
        }
        keep_wanted(runs, hidden, scratch);
        let Scratch { wanted, normed, .. } = scratch;
        let normed = normed.take(wanted.len());
        kernels::normalise(pool, wanted, step.norm(final_norm), normed);
        wanted.copy_from_slice(normed);
        wanted.len() / hidden
    }

    /// Computes what follows a first token, before blocks hold anything: what cannot be computed should not wait for requests to show.
    pub(crate) fn try_out(&mut self, first: Option<u32>) -> Result<(), ModelError> {
        let token = first.filter(|token| (*token as usize) < self.architecture.vocabulary).unwrap_or(0);
        self.forward(&[Run { tokens: &[token], start: 0, blocks: &[0], wanted: Wanted::Last, adapter: None }]);
        if are_sound(self.logits(0..1)) { Ok(()) } else { Err(ModelError::NotSound) }
    }

    /// Each token's embedding, and that of its position where a model has learned those.
    fn embed(&mut self, runs: &[Run<'_>]) {
        let Self { architecture, embeddings, positions, head, scratch, .. } = self;
        let hidden = architecture.hidden;
        let Scratch { hidden: states, normed, encoded, positions: places, .. } = scratch;
        let states = states.take(places.len() * hidden);
        let tokens = runs.iter().flat_map(|run| run.tokens);
        for (token, state) in tokens.zip(states.chunks_exact_mut(hidden)) {
            if let Some(embeddings) = embeddings {
                embeddings.dequantise_row(*token as usize, state);
            } else {
                head.row(*token as usize, encoded);
                head.format().dequantise(encoded, state);
            }
        }
        if let Some(positions) = positions {
            let learned = normed.take(hidden);
            for (position, state) in places.iter().zip(states.chunks_exact_mut(hidden)) {
                positions.dequantise_row(*position as usize, learned);
                for (state, learned) in state.iter_mut().zip(&*learned) {
                    *state += learned;
                }
            }
        }
    }

    /// The logits of some of the rows that the last [`Model::forward`] kept: (rows, vocabulary).
    pub fn logits(&mut self, rows: std::ops::Range<usize>) -> &mut [f32] {
        let hidden = self.architecture.hidden;
        let Scratch { wanted, logits, input, .. } = &mut self.scratch;
        let output = logits.take(rows.len() * self.head.rows());
        let input = input.get_or_insert_with(Input::new);
        input.load(&self.pool, &wanted[rows.start * hidden..rows.end * hidden], hidden, Form::of([&self.head]));
        kernels::multiply(&self.pool, input, [Product { weights: &self.head, bias: None, output: &mut *output }]);
        output
    }
}

/// Positions, and the places in the cache, of all tokens of the step.
fn place(runs: &[Run<'_>], scratch: &mut Scratch) {
    let positions = |run: &Run<'_>| run.start..run.start + run.tokens.len();
    scratch.positions.clear();
    scratch.positions.extend(runs.iter().flat_map(positions).map(|position| position as u32));
    let slot = |run: &Run<'_>, position: usize| {
        let (block, offset) = (run.blocks[position / BLOCK_TOKENS], (position % BLOCK_TOKENS) as u32);
        Slot { block, offset }
    };
    scratch.slots.set(runs.iter().flat_map(|run| positions(run).map(move |position| slot(run, position))));
}

fn spans<'a>(runs: &[Run<'a>]) -> SmallVec<[Span<'a>; SPANS]> {
    let mut row = 0;
    runs.iter()
        .map(|run| {
            let span = Span { blocks: run.blocks, start: run.start, tokens: run.tokens.len(), row };
            row += run.tokens.len();
            span
        })
        .collect()
}

/// The rows that an adapter is for, one after the other; neighbours with the same one are one group.
fn adapters<'a>(runs: &[Run<'a>]) -> SmallVec<[(Range<usize>, &'a Adapter); ADAPTERS]> {
    let mut adapters: SmallVec<[(Range<usize>, &Adapter); ADAPTERS]> = SmallVec::new();
    let mut row = 0;
    for run in runs {
        let rows = row..row + run.tokens.len();
        row = rows.end;
        let Some(adapter) = run.adapter else { continue };
        match adapters.last_mut() {
            Some((last, same)) if last.end == rows.start && same.number() == adapter.number() => last.end = rows.end,
            _ => adapters.push((rows, adapter)),
        }
    }
    adapters
}

/// Copies the wanted rows of the residual stream, with what the last layer adds to them.
fn keep_wanted(runs: &[Run<'_>], hidden: usize, scratch: &mut Scratch) {
    let Scratch { hidden: states, projected, wanted, positions, .. } = scratch;
    let (states, projected) = (states.take(positions.len() * hidden), projected.take(positions.len() * hidden));
    wanted.clear();
    let mut row = 0;
    for run in runs {
        let end = row + run.tokens.len();
        let first = match run.wanted {
            Wanted::Nothing => end,
            Wanted::Last => end - 1,
            Wanted::All => row,
        };
        let rows = first * hidden..end * hidden;
        wanted.extend(states[rows.clone()].iter().zip(&projected[rows]).map(|(state, addend)| state + addend));
        row = end;
    }
}

/// What all layers of a step have in common.
struct Step<'a> {
    pool: &'a Pool,
    norm: Norm,
    rope: Option<&'a RopeTable>,
    spans: &'a [Span<'a>],
    adapters: &'a [(Range<usize>, &'a Adapter)],
}

impl Step<'_> {
    /// The form in which an input is read by these matrices, and by adapters.
    fn form<'m>(&self, matrices: impl IntoIterator<Item = &'m Matrix>) -> Form {
        let form = Form::of(matrices);
        Form { floats: form.floats || !self.adapters.is_empty(), ..form }
    }

    /// Adds to the products of an input what the rows' adapters have for them.
    fn adapt<const N: usize>(
        &self,
        layer: usize,
        site: impl Fn(&LayerAdapter) -> Option<&LowRank>,
        input: &Input,
        sums: &mut FloatBuffer,
        outputs: [&mut [f32]; N],
    ) {
        if self.adapters.is_empty() {
            return;
        }
        let groups = self.adapters.iter().filter_map(|(rows, adapter)| {
            let low_rank = site(&adapter.layers[layer])?;
            Some(Group { rows: rows.clone(), low_rank })
        });
        let groups: SmallVec<[_; ADAPTERS]> = groups.collect();
        kernels::add_low_rank(self.pool, input, &groups, sums, outputs);
    }

    /// `hidden += projected; projected ← output(attend(norm(hidden)))`
    ///
    /// What a block adds to the residual stream is added by the next one, which reads the stream anyway. Before the first
    /// layer nothing is to be added.
    fn attention(&self, layer: &Layer, index: usize, cache: &mut KvCache, scratch: &mut Scratch) {
        let tokens = scratch.positions.len();
        let Scratch { hidden, query, key, value, attended, projected, low_rank, positions, slots, input, .. } = scratch;
        let input = input.get_or_insert_with(Input::new);
        let states = hidden.take(tokens * layer.query.weight.columns());
        let projected = projected.take(states.len());
        let form = self.form([&layer.query.weight, &layer.key.weight, &layer.value.weight]);
        input.load_normed(
            self.pool,
            states,
            if index == 0 { &[] } else { projected },
            self.norm(&layer.attention_norm),
            form,
        );
        let query = query.take(tokens * layer.query.weight.rows());
        let key = key.take(tokens * layer.key.weight.rows());
        let value = value.take(tokens * layer.value.weight.rows());
        let products = [layer.query.to(query), layer.key.to(key), layer.value.to(value)];
        kernels::multiply(self.pool, input, products);
        self.adapt(index, |adapter| adapter.attention.as_ref(), input, low_rank, [&mut *query, &mut *key, value]);
        let shape = &layer.attention;
        self.normalise_heads(query, layer.query_norm.as_deref(), attended);
        self.normalise_heads(key, layer.key_norm.as_deref(), attended);
        if let Some(rope) = self.rope {
            kernels::rotate(self.pool, rope, query, shape.heads, shape.head_dim, positions);
            kernels::rotate(self.pool, rope, key, shape.kv_heads, shape.head_dim, positions);
        }
        cache.write(self.pool, index, slots, key, value);
        let attended = attended.take(query.len());
        kernels::attend(self.pool, shape, cache, index, self.spans, query, attended);
        input.load(self.pool, attended, layer.output.weight.columns(), self.form([&layer.output.weight]));
        kernels::multiply(self.pool, input, [layer.output.to(projected)]);
        self.adapt(index, |adapter| adapter.output.as_ref(), input, low_rank, [projected]);
    }

    /// `hidden += projected; projected ← down(activation(gate(norm(hidden))) · up(norm(hidden)))`, or without the gate.
    fn mlp(&self, layer: &Layer, index: usize, scratch: &mut Scratch) {
        let tokens = scratch.positions.len();
        let Scratch { hidden, gate, up, projected, low_rank, input, .. } = scratch;
        let input = input.get_or_insert_with(Input::new);
        let states = hidden.take(tokens * layer.up.weight.columns());
        let projected = projected.take(states.len());
        let form = self.form(layer.gate.iter().chain([&layer.up]).map(|projection| &projection.weight));
        input.load_normed(self.pool, states, projected, self.norm(&layer.mlp_norm), form);
        let inner = layer.down.weight.columns();
        let up = up.take(tokens * inner);
        let form = self.form([&layer.down.weight]);
        if let Some(projection) = &layer.gate {
            let gate = gate.take(tokens * inner);
            kernels::multiply(self.pool, input, [projection.to(gate), layer.up.to(up)]);
            self.adapt(index, |adapter| adapter.mlp.as_ref(), input, low_rank, [&mut *gate, &mut *up]);
            input.load_activated(self.pool, layer.activation, gate, up, inner, form);
        } else {
            kernels::multiply(self.pool, input, [layer.up.to(up)]);
            self.adapt(index, |adapter| adapter.mlp.as_ref(), input, low_rank, [&mut *up]);
            input.load_activated(self.pool, layer.activation, up, &[], inner, form);
        }
        kernels::multiply(self.pool, input, [layer.down.to(projected)]);
        self.adapt(index, |adapter| adapter.down.as_ref(), input, low_rank, [projected]);
    }

    fn norm<'w>(&self, weights: &'w NormWeights) -> kernels::Norm<'w> {
        let weight = &weights.weight;
        match self.norm {
            Norm::Rms { eps } => kernels::Norm::Rms { weight, eps },
            Norm::Layer { eps } => kernels::Norm::Layer { weight, bias: weights.bias.as_deref(), eps },
        }
    }

    /// Over each head's part of queries or keys, by way of a buffer that is free at the moment.
    fn normalise_heads(&self, values: &mut [f32], weight: Option<&[f32]>, spare: &mut FloatBuffer) {
        let (Some(weight), Norm::Rms { eps }) = (weight, self.norm) else { return };
        let normed = spare.take(values.len());
        kernels::normalise(self.pool, values, kernels::Norm::Rms { weight, eps }, normed);
        values.copy_from_slice(normed);
    }
}

impl Projection {
    /// This matrix times what is loaded, into `output`.
    fn to<'a>(&'a self, output: &'a mut [f32]) -> Product<'a> {
        Product { weights: &self.weight, bias: self.bias.as_deref(), output }
    }
}
