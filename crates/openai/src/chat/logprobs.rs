//! How likely each token was.

use backend::{Alternative, TokenLogprob};
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema;
use crate::usage::finite;

#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ChatLogprobs)]
pub struct Logprobs {
    pub content: Vec<Token>,
    /// OpenAI's, always null here.
    #[schema(schema_with = schema::null)]
    pub refusal: Option<()>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TokenLogprob)]
#[expect(clippy::struct_field_names, reason = "the names are OpenAI's")]
pub struct Token {
    pub token: String,
    pub logprob: f32,
    pub bytes: Vec<u8>,
    pub top_logprobs: Vec<Top>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TopLogprob)]
pub struct Top {
    pub token: String,
    pub logprob: f32,
    pub bytes: Vec<u8>,
}

impl From<Vec<TokenLogprob>> for Logprobs {
    fn from(tokens: Vec<TokenLogprob>) -> Self {
        Self { content: tokens.into_iter().map(Token::from).collect(), refusal: None }
    }
}

impl From<TokenLogprob> for Token {
    fn from(token: TokenLogprob) -> Self {
        Self {
            token: token.text,
            logprob: finite(token.logprob.unwrap_or_default()),
            bytes: token.bytes,
            top_logprobs: token.top.into_iter().map(Top::from).collect(),
        }
    }
}

impl From<Alternative> for Top {
    fn from(alternative: Alternative) -> Self {
        Self { token: alternative.text, logprob: finite(alternative.logprob), bytes: alternative.bytes }
    }
}
