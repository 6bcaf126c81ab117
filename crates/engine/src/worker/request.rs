//! A request in the worker: who waits for it, and what it has used.

use std::time::{Duration, Instant};

use backend::{Error, Event, FinishReason, Result, StopReason, TokenLogprob, Usage};
use checkpoint::Tokenizer;
use tokio::sync::oneshot;

use super::answer::Answer;
use super::outputs::describe;
use crate::job::{Job, Reader};
use crate::sampling::Distribution;
use crate::sequence::SequenceId;
use crate::text::Piece;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RequestId(pub(super) u64);

#[derive(Debug)]
pub(super) struct Request {
    leader: SequenceId,
    choices: u16,
    unfinished: u16,
    since: Instant,
    usage: Usage,
    /// Alternatives beside each logarithm, if logarithms are wanted at all.
    logprobs: Option<u8>,
    echo: Option<Echo>,
    admitted: Option<oneshot::Sender<Result<()>>>,
    reader: Reader,
}

/// What the prompt's own event needs.
#[derive(Debug)]
struct Echo {
    prompt: Vec<u32>,
    logprobs: Vec<TokenLogprob>,
}

impl Request {
    pub(super) fn new(job: Job, leader: SequenceId, now: Instant) -> Self {
        Self {
            leader,
            choices: job.choices,
            unfinished: job.choices,
            since: now,
            usage: Usage { prompt_tokens: job.prompt.len() as u32, ..Usage::default() },
            logprobs: job.logprobs.map(backend::TopLogprobs::get),
            echo: job.echo.then_some(Echo { prompt: job.prompt, logprobs: Vec::new() }),
            admitted: Some(job.admitted),
            reader: job.reader,
        }
    }

    pub(super) fn sequences(&self) -> impl Iterator<Item = SequenceId> + use<> {
        (self.leader.0..self.leader.0 + u64::from(self.choices)).map(SequenceId)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.admitted.is_some()
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.reader.is_gone()
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    pub(super) fn logprobs(&self) -> Option<u8> {
        self.logprobs
    }

    pub(super) fn wants_prompt_logprobs(&self) -> bool {
        self.echo.is_some() && self.logprobs.is_some()
    }

    pub(super) fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    /// The first of its sequences runs. Without logarithms of the prompt there is nothing to wait for.
    pub(super) fn admit(&mut self, cached: usize, tokenizer: &Tokenizer, now: Instant) {
        let Some(admitted) = self.admitted.take() else { return };
        let _ = admitted.send(Ok(())); // If nobody waits any more, the request is dropped with the next step.
        self.since = now;
        self.usage.cached_tokens = cached as u32;
        if !self.wants_prompt_logprobs() {
            self.send_prompt(tokenizer);
        }
    }

    /// Notes the logarithm of the prompt's token at `position`, as the row before it has it, in order and once: a prompt
    /// that was set back comes by twice.
    pub(super) fn note_prompt_row(&mut self, tokenizer: &Tokenizer, position: usize, row: &[f32]) {
        let (Some(echo), Some(top)) = (&mut self.echo, self.logprobs) else { return };
        if echo.logprobs.is_empty() {
            echo.logprobs.push(describe(tokenizer, echo.prompt[0], None, &[], 0));
        }
        if position == echo.logprobs.len() && position < echo.prompt.len() {
            let entry = describe(tokenizer, echo.prompt[position], Some(&Distribution::new(row)), row, top);
            echo.logprobs.push(entry);
        }
    }

    /// The prompt is computed, and with it all of its logarithms.
    pub(super) fn prompt_is_complete(&mut self, tokenizer: &Tokenizer) {
        if self.wants_prompt_logprobs() {
            self.send_prompt(tokenizer);
        }
    }

    fn send_prompt(&mut self, tokenizer: &Tokenizer) {
        let Usage { prompt_tokens: tokens, cached_tokens: cached, .. } = self.usage;
        let (echo, logprobs) = match self.echo.take() {
            Some(echo) => (Some(tokenizer.decode(&echo.prompt)), echo.logprobs),
            None => (None, Vec::new()),
        };
        self.send(Event::Prompt { tokens, cached, echo, logprobs });
    }

    pub(super) fn send_text(&self, choice: u16, piece: Piece) {
        if !piece.is_empty() {
            let Piece { text, tokens, logprobs } = piece;
            self.send(Event::Text { choice, text, tokens, logprobs });
        }
    }

    /// `true` if it was the last choice.
    pub(super) fn finish(&mut self, answer: &Answer, reason: FinishReason, stop: Option<StopReason>) -> bool {
        self.send(Event::Finished { choice: answer.choice(), reason, stop });
        self.unfinished -= 1;
        if self.unfinished == 0 {
            self.send(Event::Done(self.usage));
        }
        self.unfinished == 0
    }

    pub(super) fn fail(mut self, error: &Error) {
        if let Some(admitted) = self.admitted.take() {
            let _ = admitted.send(Err(error.clone()));
        }
        self.reader.fail(error);
    }

    /// What a text is classified by.
    pub(super) fn send_logits(&self, row: &[f32]) {
        self.reader.logits(row, self.usage);
    }

    fn send(&self, event: Event) {
        self.reader.event(event);
    }
}
