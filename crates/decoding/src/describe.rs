//! How a token's logarithm is told, and which rows have any.

use backend::{Alternative, TokenLogprob};
use checkpoint::Tokenizer;

use crate::Distribution;

/// Whether these can be logits: all of them are numbers, and none is beyond all.
pub fn are_sound(logits: &[f32]) -> bool {
    kernels::are_finite(kernels::Isa::detect(), logits)
}

/// A token with its logarithm under `row`, whose distribution is given, and the `count` best alternatives.
pub fn describe(
    tokenizer: &Tokenizer,
    token: u32,
    distribution: Option<&Distribution>,
    row: &[f32],
    count: u8,
) -> TokenLogprob {
    let (text, bytes) = shown(tokenizer, token);
    let logprob = distribution.map(|distribution| distribution.logprob(row[token as usize]));
    let alternative = |token: u32| {
        let (text, bytes) = shown(tokenizer, token);
        let logprob = distribution.map_or(f32::NEG_INFINITY, |distribution| distribution.logprob(row[token as usize]));
        Alternative { token, text, bytes, logprob }
    };
    let top = distribution.map(|distribution| distribution.top(row, usize::from(count))).unwrap_or_default();
    let top = top.into_iter().map(alternative).collect();
    TokenLogprob { token, text, bytes, logprob, top }
}

/// Special tokens are shown by their names, since they add nothing to the text.
fn shown(tokenizer: &Tokenizer, token: u32) -> (String, Vec<u8>) {
    let bytes = match tokenizer.bytes_of(token) {
        [] => tokenizer.token(token).unwrap_or_default().as_bytes(),
        bytes => bytes,
    };
    (String::from_utf8_lossy(bytes).into_owned(), bytes.to_vec())
}
