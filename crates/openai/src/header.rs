//! What is the same in an answer and in each of its chunks, and how the answer is to come.

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `chatcmpl-…` or `cmpl-…`.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// As the request named it, alias or not.
    pub model: String,
    /// Changes when the same seed may give other tokens.
    pub system_fingerprint: String,
}

/// In one piece, or as it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Whole,
    Stream { include_usage: bool },
}
