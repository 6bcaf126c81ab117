//! A request as the worker gets it: tokens, checked against this model, and where its answer goes.

use backend::{Event, Priority, Result, Sampling, Stop, Tenant, TopLogprobs};
use tokio::sync::{mpsc, oneshot};

#[derive(Debug)]
pub(crate) struct Job {
    /// At least one token, all of the vocabulary.
    pub(crate) prompt: Vec<u32>,
    /// Prompt and this together fit the context and the KV cache; 0 only where nothing but the prompt was asked for.
    pub(crate) max_new: usize,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Stop,
    pub(crate) choices: u16,
    pub(crate) logprobs: Option<TopLogprobs>,
    pub(crate) echo: bool,
    /// The answer goes on in the prompt's own text, as a completion does and a chat message does not: what some
    /// tokenizers drop at the beginning of a text (SentencePiece's first space) stays.
    pub(crate) continues: bool,
    pub(crate) priority: Priority,
    pub(crate) tenant: Tenant,
    /// Told once when the request starts, or why it never will.
    pub(crate) admitted: oneshot::Sender<Result<()>>,
    /// Has room for every event that the request can have, so that the worker never waits for a slow reader; when its
    /// receiver is gone, so is the request.
    pub(crate) events: mpsc::Sender<Result<Event>>,
}

impl Job {
    /// Events that an answer can have at most: text for every token, two more a choice, one for the prompt, one at the end.
    pub(crate) fn most_events(max_new: usize, choices: u16) -> usize {
        (max_new + 2) * usize::from(choices) + 2
    }
}
