//! The two events that move the metrics, end the spans, and write the log's lines.

use std::time::Duration;

use backend::FinishReason;

use crate::Operation;

/// An HTTP request whose answer has been sent, or given up.
#[derive(Debug, Clone, Copy)]
pub struct RequestEnded<'a> {
    pub method: &'a str,
    /// The route's pattern (`/v1/models/{id}`), never the path that was asked for; for an unknown path a fixed word.
    pub route: &'a str,
    pub status: u16,
    /// The model's id, where the request had to do with one. An unknown one is counted as `other`.
    pub model: Option<&'a str>,
    pub took: Duration,
    /// Of the answer's body.
    pub bytes: usize,
    /// One word out of a fixed set, where it was refused or broke off.
    pub error: Option<&'static str>,
    /// The body ran to its end.
    pub complete: bool,
}

/// A generation that has come to its end: finished, failed, or dropped by its reader.
#[derive(Debug, Clone, Copy)]
pub struct GenerationEnded<'a> {
    pub operation: Operation,
    /// The model's id.
    pub model: &'a str,
    pub took: Duration,
    /// From the request to the first token; `None` if there was none.
    pub to_first_token: Option<Duration>,
    pub input_tokens: u32,
    /// How many of them were taken from the prefix cache.
    pub cached_tokens: u32,
    pub output_tokens: u32,
    /// One for each choice that has finished.
    pub finish_reasons: &'a [FinishReason],
    /// One word out of a fixed set, where it did not end well: the kind of error, or [`CLIENT_GONE`](Self::CLIENT_GONE).
    pub error: Option<&'static str>,
}

impl GenerationEnded<'_> {
    /// Whoever asked did not wait for the end: nobody's failure.
    pub const CLIENT_GONE: &'static str = "client_gone";
}
