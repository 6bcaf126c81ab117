//! The buffers of a step. They grow with the steps and stay.

use kernels::{FloatBuffer, Input, Slots};

#[derive(Default)]
pub(super) struct Scratch {
    pub(super) hidden: FloatBuffer,    // (tokens, hidden): the residual stream
    pub(super) normed: FloatBuffer,    // (tokens, hidden)
    pub(super) query: FloatBuffer,     // (tokens, heads · head_dim)
    pub(super) key: FloatBuffer,       // (tokens, kv_heads · head_dim)
    pub(super) value: FloatBuffer,     // (tokens, kv_heads · head_dim)
    pub(super) attended: FloatBuffer,  // (tokens, heads · head_dim)
    pub(super) gate: FloatBuffer,      // (tokens, intermediate)
    pub(super) up: FloatBuffer,        // (tokens, intermediate)
    pub(super) projected: FloatBuffer, // (tokens, hidden)
    pub(super) low_rank: FloatBuffer,  // what adapters make of an input on the way
    pub(super) wanted: Vec<f32>,       // (rows wanted, hidden): the final hidden states
    pub(super) logits: FloatBuffer,    // (rows, vocabulary)
    pub(super) encoded: Vec<u8>,       // a row of the embeddings, as in the file
    pub(super) positions: Vec<u32>,
    pub(super) slots: Slots,
    pub(super) input: Option<Input>,
}
