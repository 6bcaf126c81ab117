//! One step through all layers.

use checkpoint::{Activation, Norm, NormWeights, Tensor};
use kernels::{Input, KvCache, Pool, Product, RopeTable, Slot, Span};

use super::scratch::{Scratch, take};
use super::{BLOCK_TOKENS, Layer, Model, Projection, Run, Wanted};

impl Model {
    /// Runs the tokens of all runs at once, writes their keys and values into the cache, and keeps the final hidden
    /// states of the wanted rows, in order, for [`Model::logits`]. Gives the number of those.
    ///
    /// A row depends on its own sequence alone, to the last bit, whatever else is in the step.
    ///
    /// # Panics
    /// If a token is outside the vocabulary or a run reaches beyond its blocks or the context: callers check requests.
    pub fn forward(&mut self, runs: &[Run<'_>]) -> usize {
        let Self { architecture, pool, embeddings, positions, layers, final_norm, rope, cache, scratch, .. } = self;
        let hidden = architecture.hidden;
        place(runs, scratch);
        embed(embeddings, positions.as_ref(), runs, hidden, scratch);
        let spans = spans(runs);
        let step = Step { pool, norm: architecture.norm, rope: rope.as_ref(), spans: &spans };
        for (index, layer) in layers.iter().enumerate() {
            step.attention(layer, index, cache, scratch);
            step.mlp(layer, scratch);
        }
        keep_wanted(runs, hidden, scratch);
        let Scratch { wanted, normed, .. } = scratch;
        let normed = take(normed, wanted.len());
        step.normalise(wanted, final_norm, normed);
        wanted.copy_from_slice(normed);
        wanted.len() / hidden
    }

    /// The logits of some of the rows that the last [`Model::forward`] kept: (rows, vocabulary).
    pub fn logits(&mut self, rows: std::ops::Range<usize>) -> &mut [f32] {
        let hidden = self.architecture.hidden;
        let Scratch { wanted, logits, input, .. } = &mut self.scratch;
        let output = take(logits, rows.len() * self.head.rows());
        let input = input.get_or_insert_with(Input::new);
        input.load(&self.pool, &wanted[rows.start * hidden..rows.end * hidden], hidden, self.head.is_integer());
        kernels::multiply(&self.pool, input, &mut [Product { weights: &self.head, bias: None, output: &mut *output }]);
        output
    }
}

/// Positions, and the places in the cache, of all tokens of the step.
fn place(runs: &[Run<'_>], scratch: &mut Scratch) {
    scratch.positions.clear();
    scratch.slots.clear();
    for run in runs {
        for position in run.start..run.start + run.tokens.len() {
            scratch.positions.push(position as u32);
            let (block, offset) = (run.blocks[position / BLOCK_TOKENS], (position % BLOCK_TOKENS) as u32);
            scratch.slots.push(Slot { block, offset });
        }
    }
}

fn embed(embeddings: &Tensor, positions: Option<&Tensor>, runs: &[Run<'_>], hidden: usize, scratch: &mut Scratch) {
    let Scratch { hidden: states, normed, positions: places, .. } = scratch;
    let states = take(states, places.len() * hidden);
    let tokens = runs.iter().flat_map(|run| run.tokens);
    for (token, state) in tokens.zip(states.chunks_exact_mut(hidden)) {
        embeddings.dequantise_row(*token as usize, state);
    }
    if let Some(positions) = positions {
        let learned = take(normed, hidden);
        for (position, state) in places.iter().zip(states.chunks_exact_mut(hidden)) {
            positions.dequantise_row(*position as usize, learned);
            for (state, learned) in state.iter_mut().zip(&*learned) {
                *state += learned;
            }
        }
    }
}

fn spans<'a>(runs: &[Run<'a>]) -> Vec<Span<'a>> {
    let mut row = 0;
    runs.iter()
        .map(|run| {
            let span = Span { blocks: run.blocks, start: run.start, tokens: run.tokens.len(), row };
            row += run.tokens.len();
            span
        })
        .collect()
}

fn keep_wanted(runs: &[Run<'_>], hidden: usize, scratch: &mut Scratch) {
    let Scratch { hidden: states, wanted, .. } = scratch;
    wanted.clear();
    let mut row = 0;
    for run in runs {
        let end = row + run.tokens.len();
        let first = match run.wanted {
            Wanted::Nothing => end,
            Wanted::Last => end - 1,
            Wanted::All => row,
        };
        wanted.extend_from_slice(&states[first * hidden..end * hidden]);
        row = end;
    }
}

/// What all layers of a step have in common.
struct Step<'a> {
    pool: &'a Pool,
    norm: Norm,
    rope: Option<&'a RopeTable>,
    spans: &'a [Span<'a>],
}

impl Step<'_> {
    /// `hidden += output(attend(norm(hidden)))`
    fn attention(&self, layer: &Layer, index: usize, cache: &mut KvCache, scratch: &mut Scratch) {
        let tokens = scratch.positions.len();
        let Scratch { hidden, normed, query, key, value, attended, projected, positions, slots, input, .. } = scratch;
        let input = input.get_or_insert_with(Input::new);
        let (states, width) = active(hidden, tokens, layer.query.weight.columns());
        let normed = take(normed, states.len());
        self.normalise(states, &layer.attention_norm, normed);
        let query = take(query, tokens * layer.query.weight.rows());
        let key = take(key, tokens * layer.key.weight.rows());
        let value = take(value, tokens * layer.value.weight.rows());
        self.project(
            input,
            normed,
            width,
            &mut [(&layer.query, &mut *query), (&layer.key, &mut *key), (&layer.value, &mut *value)],
        );
        let shape = &layer.attention;
        self.normalise_heads(query, layer.query_norm.as_deref(), attended);
        self.normalise_heads(key, layer.key_norm.as_deref(), attended);
        if let Some(rope) = self.rope {
            kernels::rotate(self.pool, rope, query, shape.heads, shape.head_dim, positions);
            kernels::rotate(self.pool, rope, key, shape.kv_heads, shape.head_dim, positions);
        }
        cache.write(self.pool, index, slots, key, value);
        let attended = take(attended, query.len());
        kernels::attend(self.pool, shape, cache, index, self.spans, query, attended);
        let projected = take(projected, states.len());
        self.project(input, attended, layer.output.weight.columns(), &mut [(&layer.output, &mut *projected)]);
        kernels::add(self.pool, states, projected);
    }

    /// `hidden += down(activation(gate(norm(hidden))) · up(norm(hidden)))`, or without the gate.
    fn mlp(&self, layer: &Layer, scratch: &mut Scratch) {
        let tokens = scratch.positions.len();
        let Scratch { hidden, normed, gate, up, projected, input, .. } = scratch;
        let input = input.get_or_insert_with(Input::new);
        let (states, width) = active(hidden, tokens, layer.up.weight.columns());
        let normed = take(normed, states.len());
        self.normalise(states, &layer.mlp_norm, normed);
        let inner = layer.down.weight.columns();
        let up = take(up, tokens * inner);
        let activated = if let Some(projection) = &layer.gate {
            let gate = take(gate, tokens * inner);
            self.project(input, normed, width, &mut [(projection, &mut *gate), (&layer.up, &mut *up)]);
            self.activate_gate(layer.activation, gate, up);
            gate
        } else {
            self.project(input, normed, width, &mut [(&layer.up, &mut *up)]);
            self.activate(layer.activation, up);
            up
        };
        let projected = take(projected, states.len());
        self.project(input, activated, inner, &mut [(&layer.down, &mut *projected)]);
        kernels::add(self.pool, states, projected);
    }

    fn normalise(&self, values: &[f32], weights: &NormWeights, output: &mut [f32]) {
        match self.norm {
            Norm::Rms { eps } => kernels::rms_norm(self.pool, values, &weights.weight, eps, output),
            Norm::Layer { eps } => {
                let bias = weights.bias.as_deref();
                kernels::layer_norm(self.pool, values, &weights.weight, bias, eps, output);
            }
        }
    }

    /// Over each head's part of queries or keys, by way of a buffer that is free at the moment.
    fn normalise_heads(&self, values: &mut [f32], weight: Option<&[f32]>, spare: &mut Vec<f32>) {
        let (Some(weight), Norm::Rms { eps }) = (weight, self.norm) else { return };
        let normed = take(spare, values.len());
        kernels::rms_norm(self.pool, values, weight, eps, normed);
        values.copy_from_slice(normed);
    }

    fn project(&self, input: &mut Input, values: &[f32], columns: usize, outputs: &mut [(&Projection, &mut [f32])]) {
        let quantise = outputs.iter().any(|(projection, _)| projection.weight.is_integer());
        input.load(self.pool, values, columns, quantise);
        let mut products: Vec<_> = outputs
            .iter_mut()
            .map(|(projection, output)| Product { weights: &projection.weight, bias: projection.bias.as_deref(), output })
            .collect();
        kernels::multiply(self.pool, input, &mut products);
    }

    fn activate_gate(&self, activation: Activation, gate: &mut [f32], up: &[f32]) {
        if activation == Activation::Silu {
            return kernels::silu_multiply(self.pool, gate, up);
        }
        self.activate(activation, gate);
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate *= up;
        }
    }

    fn activate(&self, activation: Activation, values: &mut [f32]) {
        match activation {
            Activation::Silu => {
                for value in values {
                    *value /= 1.0 + (-*value).exp();
                }
            }
            Activation::GeluTanh => kernels::gelu_tanh(self.pool, values),
            Activation::GeluErf => kernels::gelu_erf(self.pool, values),
        }
    }
}

/// The step's part of the residual stream, and its width.
fn active(hidden: &mut [f32], tokens: usize, width: usize) -> (&mut [f32], usize) {
    (&mut hidden[..tokens * width], width)
}
