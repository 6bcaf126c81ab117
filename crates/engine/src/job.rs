//! A request as the worker gets it: tokens, checked against this model, and where its answer goes.

use std::sync::Arc;

use backend::{Error, Event, Priority, Result, Sampling, Stop, Tenant, TopLogprobs, Usage};
use tokio::sync::{mpsc, oneshot};

use crate::model::Adapter;

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) asked: Asked,
    /// Told once when the request starts, or why it never will.
    pub(crate) admitted: oneshot::Sender<Result<()>>,
    pub(crate) reader: Reader,
}

/// What each of its choices is made by.
#[derive(Debug)]
pub(crate) struct Asked {
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
    pub(crate) adapter: Option<Arc<Adapter>>,
}

/// Who gets what comes out. There is room for all that a request can have, so that the worker never waits for a slow reader;
/// when the receiver is gone, so is the request.
#[derive(Debug)]
pub(crate) enum Reader {
    Events(mpsc::Sender<Result<Event>>),
    /// Once, of a text to be classified.
    Logits(mpsc::Sender<Result<Logits>>),
}

/// What a model that classifies has behind a text's last token.
#[derive(Debug)]
pub(crate) struct Logits {
    /// One a class.
    pub(crate) row: Vec<f32>,
    pub(crate) usage: Usage,
}

impl Reader {
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Events(events) => events.is_closed(),
            Self::Logits(logits) => logits.is_closed(),
        }
    }

    // What cannot be sent has no reader any more, which the next step sees.

    /// Nobody who waits for logits wants to hear of what is on the way to them.
    pub(crate) fn event(&self, event: Event) {
        if let Self::Events(events) = self {
            let _ = events.try_send(Ok(event));
        }
    }

    pub(crate) fn logits(&self, row: &[f32], usage: Usage) {
        if let Self::Logits(logits) = self {
            let _ = logits.try_send(Ok(Logits { row: row.to_vec(), usage }));
        }
    }

    pub(crate) fn fail(&self, error: &Error) {
        match self {
            Self::Events(events) => drop(events.try_send(Err(error.clone()))),
            Self::Logits(logits) => drop(logits.try_send(Err(error.clone()))),
        }
    }
}

impl Job {
    /// Events that an answer can have at most: text for every token, two more a choice, one for the prompt, one at the end.
    pub(crate) fn most_events(max_new: usize, choices: u16) -> usize {
        (max_new + 2) * usize::from(choices) + 2
    }
}
