//! The buffers of a step. They grow to the largest step seen and stay.

use kernels::{Input, Slots};

#[derive(Default)]
pub(super) struct Scratch {
    pub(super) hidden: Vec<f32>,    // (tokens, hidden): the residual stream
    pub(super) normed: Vec<f32>,    // (tokens, hidden)
    pub(super) query: Vec<f32>,     // (tokens, heads · head_dim)
    pub(super) key: Vec<f32>,       // (tokens, kv_heads · head_dim)
    pub(super) value: Vec<f32>,     // (tokens, kv_heads · head_dim)
    pub(super) attended: Vec<f32>,  // (tokens, heads · head_dim)
    pub(super) gate: Vec<f32>,      // (tokens, intermediate)
    pub(super) up: Vec<f32>,        // (tokens, intermediate)
    pub(super) projected: Vec<f32>, // (tokens, hidden)
    pub(super) low_rank: Vec<f32>,  // what adapters make of an input on the way
    pub(super) wanted: Vec<f32>,    // (rows wanted, hidden): the final hidden states
    pub(super) logits: Vec<f32>,    // (rows, vocabulary)
    pub(super) encoded: Vec<u8>,    // a row of the embeddings, as in the file
    pub(super) positions: Vec<u32>,
    pub(super) slots: Slots,
    pub(super) input: Option<Input>,
}

/// The first `length` elements of a buffer that is made long enough; what they hold is overwritten by whoever asked.
pub(super) fn take(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
