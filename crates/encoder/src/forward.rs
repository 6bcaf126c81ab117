//! One step through all layers, for texts side by side.

use kernels::{Form, Input, KvCache, Norm, Product, Slot, Slots, Span};

use crate::model::{BLOCK_TOKENS, Layer, Projection, SentenceModel};

/// Memory that is kept from step to step.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    states: Vec<f32>,    // (tokens, hidden)
    projected: Vec<f32>, // (tokens, hidden)
    query: Vec<f32>,     // (tokens, hidden)
    key: Vec<f32>,       // (tokens, hidden)
    value: Vec<f32>,     // (tokens, hidden)
    attended: Vec<f32>,  // (tokens, hidden)
    inner: Vec<f32>,     // (tokens, intermediate)
    input: Input,
    slots: Slots,
}

impl SentenceModel {
    /// The last states of all tokens: (tokens, hidden). A text's depend on that text alone, to the last bit.
    pub(crate) fn forward<'s, T: AsRef<[u32]>>(
        &self,
        texts: &[T],
        cache: &mut KvCache,
        scratch: &'s mut Scratch,
    ) -> &'s [f32] {
        self.begin(texts, scratch);
        let blocks = blocks(texts);
        let spans = spans(texts, &blocks);
        scratch.slots.set(slots(&spans));
        for layer in &self.layers {
            self.attention(layer, &spans, cache, scratch);
            self.mlp(layer, scratch);
        }
        &scratch.states
    }

    /// Each token's embedding, its position's, and that of being in the first text; normalised.
    fn begin<T: AsRef<[u32]>>(&self, texts: &[T], scratch: &mut Scratch) {
        let hidden = self.dimensions();
        let tokens: usize = texts.iter().map(|text| text.as_ref().len()).sum();
        let Scratch { states, projected, key, .. } = scratch;
        let (sums, position) = (take(projected, tokens * hidden), take(key, hidden));
        let places = texts.iter().flat_map(|text| text.as_ref().iter().enumerate());
        for ((place, token), sum) in places.zip(sums.chunks_exact_mut(hidden)) {
            self.words.dequantise_row(*token as usize, sum);
            self.positions.dequantise_row(self.architecture.first_position + place, position);
            // As transformers adds them: first the kind, then the position.
            for ((sum, kind), position) in sum.iter_mut().zip(&self.kind).zip(&*position) {
                *sum = *sum + kind + position;
            }
        }
        kernels::normalise(&self.pool, sums, self.norm(&self.norm), take(states, tokens * hidden));
    }

    /// `states ← norm(states + output(attend(states)))`
    fn attention(&self, layer: &Layer, spans: &[Span<'_>], cache: &mut KvCache, scratch: &mut Scratch) {
        let Scratch { states, projected, query, key, value, attended, input, slots, .. } = scratch;
        let (count, hidden) = (states.len(), self.dimensions());
        let (query, key, value) = (take(query, count), take(key, count), take(value, count));
        let form = Form::of([&layer.query.weight, &layer.key.weight, &layer.value.weight]);
        input.load(&self.pool, states, hidden, form);
        let products = [layer.query.to(query), layer.key.to(key), layer.value.to(value)];
        kernels::multiply(&self.pool, input, products);
        // One layer's are read before the next one's are written, so all have the same place.
        cache.write(&self.pool, 0, slots, key, value);
        let attended = take(attended, count);
        kernels::attend(&self.pool, &self.attention, cache, 0, spans, query, attended);
        input.load(&self.pool, attended, hidden, Form::of([&layer.output.weight]));
        let projected = take(projected, count);
        kernels::multiply(&self.pool, input, [layer.output.to(projected)]);
        self.add(states, projected, self.norm(&layer.attention_norm));
    }

    /// `states ← norm(states + down(activation(up(states))))`
    fn mlp(&self, layer: &Layer, scratch: &mut Scratch) {
        let Scratch { states, projected, inner, input, .. } = scratch;
        let (count, hidden, intermediate) = (states.len(), self.dimensions(), layer.up.weight.rows());
        input.load(&self.pool, states, hidden, Form::of([&layer.up.weight]));
        let inner = take(inner, count / hidden * intermediate);
        kernels::multiply(&self.pool, input, [layer.up.to(inner)]);
        let form = Form::of([&layer.down.weight]);
        input.load_activated(&self.pool, self.activation, inner, &[], intermediate, form);
        let projected = take(projected, count);
        kernels::multiply(&self.pool, input, [layer.down.to(projected)]);
        self.add(states, projected, self.norm(&layer.norm));
    }

    /// `states ← norm(states + addend)`
    fn add(&self, states: &mut [f32], addend: &mut [f32], norm: Norm<'_>) {
        for (addend, state) in addend.iter_mut().zip(&*states) {
            *addend += state;
        }
        kernels::normalise(&self.pool, addend, norm, states);
    }

    fn norm<'w>(&self, weights: &'w checkpoint::NormWeights) -> Norm<'w> {
        Norm::Layer { weight: &weights.weight, bias: weights.bias.as_deref(), eps: self.architecture.epsilon }
    }
}

impl Projection {
    /// This matrix times what is loaded, into `output`.
    fn to<'a>(&'a self, output: &'a mut [f32]) -> Product<'a> {
        Product { weights: &self.weight, bias: self.bias.as_deref(), output }
    }
}

/// Each text's blocks of keys and values, one after the other.
fn blocks<T: AsRef<[u32]>>(texts: &[T]) -> Vec<Vec<u32>> {
    let mut free = 0..;
    texts.iter().map(|text| free.by_ref().take(text.as_ref().len().div_ceil(BLOCK_TOKENS)).collect()).collect()
}

fn spans<'a, T: AsRef<[u32]>>(texts: &[T], blocks: &'a [Vec<u32>]) -> Vec<Span<'a>> {
    let mut row = 0;
    let span = |(text, blocks): (&T, &'a Vec<u32>)| {
        let tokens = text.as_ref().len();
        let span = Span { blocks, start: 0, tokens, row };
        row += tokens;
        span
    };
    texts.iter().zip(blocks).map(span).collect()
}

fn slots<'a>(spans: &'a [Span<'_>]) -> impl Iterator<Item = Slot> + use<'a> {
    spans.iter().flat_map(|span| {
        let slot = |place: usize| Slot { block: span.blocks[place / BLOCK_TOKENS], offset: (place % BLOCK_TOKENS) as u32 };
        (0..span.tokens).map(slot)
    })
}

/// So many elements, whatever is in them.
fn take(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    buffer
}
