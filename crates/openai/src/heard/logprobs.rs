//! How likely each token was, in both of OpenAI's shapes.

use backend::{Alternative, TokenLogprob};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The number of a token whose server does not tell it.
const UNKNOWN: u32 = 0;

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are OpenAI's")]
pub(super) struct Logprobs {
    /// Of a chat.
    content: Option<Vec<Token>>,
    /// Of a text, side by side.
    tokens: Option<Vec<String>>,
    token_logprobs: Option<Vec<Option<f32>>>,
    top_logprobs: Option<Vec<Option<Map<String, Value>>>>,
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are OpenAI's")]
struct Token {
    token: String,
    logprob: f32,
    bytes: Option<Vec<u8>>,
    top_logprobs: Option<Vec<Self>>,
}

impl Logprobs {
    pub(super) fn tokens(&self) -> Vec<TokenLogprob> {
        match (&self.content, &self.tokens) {
            (Some(tokens), _) => tokens.iter().map(Token::logprob).collect(),
            (None, Some(tokens)) => (0..).zip(tokens).map(|(index, token)| self.token(index, token)).collect(),
            (None, None) => Vec::new(),
        }
    }

    fn token(&self, index: usize, token: &str) -> TokenLogprob {
        let logprob = self.token_logprobs.as_ref().and_then(|all| all.get(index).copied().flatten());
        let top = self.top_logprobs.as_ref().and_then(|all| all.get(index)?.as_ref());
        let alternative = |(text, logprob): (&String, &Value)| {
            Some(Alternative {
                token: UNKNOWN,
                text: text.clone(),
                bytes: text.as_bytes().to_vec(),
                logprob: logprob.as_f64()? as f32,
            })
        };
        let mut top: Vec<_> = top.into_iter().flatten().filter_map(alternative).collect();
        top.sort_by(|one, other| other.logprob.total_cmp(&one.logprob));
        TokenLogprob { token: UNKNOWN, text: token.to_owned(), bytes: token.as_bytes().to_vec(), logprob, top }
    }
}

impl Token {
    fn bytes(&self) -> Vec<u8> {
        self.bytes.clone().unwrap_or_else(|| self.token.as_bytes().to_vec())
    }

    fn logprob(&self) -> TokenLogprob {
        let alternative =
            |top: &Self| Alternative { token: UNKNOWN, text: top.token.clone(), bytes: top.bytes(), logprob: top.logprob };
        let top = self.top_logprobs.iter().flatten().map(alternative).collect();
        TokenLogprob { token: UNKNOWN, text: self.token.clone(), bytes: self.bytes(), logprob: Some(self.logprob), top }
    }
}
