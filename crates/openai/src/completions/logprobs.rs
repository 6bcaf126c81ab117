//! How likely each token was, in the older shape: four arrays side by side.

use backend::TokenLogprob;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::usage::finite;

/// Four arrays side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = TextLogprobs)]
pub struct Logprobs {
    pub tokens: Vec<String>,
    /// Null for the first token of a prompt.
    pub token_logprobs: Vec<Option<f32>>,
    /// The most likely tokens, and always the one that was taken.
    #[schema(value_type = Vec<Option<BTreeMap<String, f32>>>)]
    pub top_logprobs: Vec<Option<Map<String, Value>>>,
    /// In characters, where each token begins in the choice's text.
    pub text_offset: Vec<usize>,
}

impl Logprobs {
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.tokens.append(&mut other.tokens);
        self.token_logprobs.append(&mut other.token_logprobs);
        self.top_logprobs.append(&mut other.top_logprobs);
        self.text_offset.append(&mut other.text_offset);
    }
}

/// Where the next token of a choice begins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offset {
    characters: usize,
}

impl Offset {
    /// Shapes tokens that follow those before.
    pub(super) fn logprobs(&mut self, tokens: Vec<TokenLogprob>) -> Logprobs {
        let mut logprobs = Logprobs::default();
        for token in tokens {
            logprobs.text_offset.push(self.advance(&token.bytes));
            logprobs.token_logprobs.push(token.logprob.map(finite));
            logprobs.top_logprobs.push(top(&token));
            logprobs.tokens.push(name(token.text, &token.bytes));
        }
        logprobs
    }

    /// A character begins where its first byte is; a token that begins inside one is told to begin with it.
    fn advance(&mut self, bytes: &[u8]) -> usize {
        let inside = bytes.first().is_some_and(|byte| is_continuation(*byte));
        let start = self.characters.saturating_sub(usize::from(inside));
        self.characters += bytes.iter().filter(|byte| !is_continuation(**byte)).count();
        start
    }
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn top(token: &TokenLogprob) -> Option<Map<String, Value>> {
    let taken = token.logprob?;
    let mut top: Map<String, Value> = Map::new();
    for alternative in &token.top {
        top.entry(name(alternative.text.clone(), &alternative.bytes)).or_insert_with(|| number(alternative.logprob));
    }
    top.entry(name(token.text.clone(), &token.bytes)).or_insert_with(|| number(taken));
    Some(top)
}

/// Through text, so that a 32-bit number is not padded to 64 bits' worth of digits.
fn number(logprob: f32) -> Value {
    finite(logprob).to_string().parse().map_or(Value::Null, |number: f64| number.into())
}

/// Broken characters would all look alike, and be one key: OpenAI writes their bytes.
fn name(text: String, bytes: &[u8]) -> String {
    if std::str::from_utf8(bytes).is_ok() {
        return text;
    }
    bytes.iter().fold("bytes:".to_owned(), |name, byte| name + &format!("\\x{byte:02x}"))
}
