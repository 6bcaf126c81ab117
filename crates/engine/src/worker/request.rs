//! A request in the worker: who waits for it, and what it has used.

use std::ops::Range;
use std::time::{Duration, Instant};

use backend::{Error, Event, FinishReason, Result, StopReason, TokenLogprob, TopLogprobs, Usage};
use checkpoint::Tokenizer;
use decoding::{Distribution, Piece, describe};
use tokio::sync::oneshot;

use super::answer::Answer;
use crate::job::{Asked, Job, Reader};
use crate::sequence::{SequenceId, Turn};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RequestId(pub(super) u64);

#[derive(Debug)]
pub(super) struct Request {
    asked: Asked,
    leader: SequenceId,
    turn: Turn,
    /// How many choices the scheduler was given, how many of those began, and how many have not ended.
    offered: u16,
    begun: u16,
    unfinished: u16,
    since: Instant,
    usage: Usage,
    /// The prompt's logarithms, as far as they are known, until its event is sent.
    prompt_logprobs: Option<Vec<TokenLogprob>>,
    admitted: Option<oneshot::Sender<Result<()>>>,
    reader: Reader,
}

impl Request {
    /// Its first choice is offered already.
    pub(super) fn new(job: Job, leader: SequenceId, turn: Turn, now: Instant) -> Self {
        let Job { asked, admitted, reader } = job;
        Self {
            leader,
            turn,
            offered: 1,
            begun: 0,
            unfinished: asked.choices,
            since: now,
            usage: Usage { prompt_tokens: asked.prompt.len() as u32, ..Usage::default() },
            prompt_logprobs: Some(Vec::new()),
            admitted: Some(admitted),
            reader,
            asked,
        }
    }

    pub(super) fn id(&self) -> RequestId {
        RequestId(self.leader.0)
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The sequence of its first choice, which computes the prompt.
    pub(super) fn leader(&self) -> SequenceId {
        self.leader
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn
    }

    pub(super) fn sequence(&self, choice: u16) -> SequenceId {
        SequenceId(self.leader.0 + u64::from(choice))
    }

    pub(super) fn sequences(&self) -> impl Iterator<Item = SequenceId> + use<'_> {
        (0..self.asked.choices).map(|choice| self.sequence(choice))
    }

    /// None of its choices has begun.
    pub(super) fn is_waiting(&self) -> bool {
        self.begun == 0
    }

    /// There are choices that the scheduler does not know yet.
    pub(super) fn has_more(&self) -> bool {
        self.offered < self.asked.choices
    }

    /// The choices that are to be given to the scheduler next, so that it has that many that have not begun.
    pub(super) fn offer(&mut self, free: usize) -> Range<u16> {
        let waiting = usize::from(self.offered - self.begun);
        let more = free.saturating_sub(waiting).min(usize::from(self.asked.choices - self.offered)) as u16;
        let first = self.offered;
        self.offered += more;
        first..self.offered
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.reader.is_gone()
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Alternatives beside each logarithm, if logarithms are wanted at all.
    pub(super) fn logprobs(&self) -> Option<u8> {
        self.asked.logprobs.map(TopLogprobs::get)
    }

    /// The event of the prompt waits for them.
    pub(super) fn wants_prompt_logprobs(&self) -> bool {
        self.asked.echo && self.asked.logprobs.is_some() && self.prompt_logprobs.is_some()
    }

    pub(super) fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    /// One of its choices runs. With the first, unless logarithms of the prompt are wanted, there is nothing more to wait for.
    pub(super) fn begin(&mut self, cached: usize, tokenizer: &Tokenizer, now: Instant) {
        self.begun += 1;
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
        let Asked { prompt, echo: true, logprobs: Some(top), .. } = &self.asked else { return };
        let Some(logprobs) = &mut self.prompt_logprobs else { return };
        if logprobs.is_empty() {
            logprobs.push(describe(tokenizer, prompt[0], None, &[], 0));
        }
        if position == logprobs.len() && position < prompt.len() {
            logprobs.push(describe(tokenizer, prompt[position], Some(&Distribution::new(row)), row, top.get()));
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
        let Asked { prompt, echo, .. } = &self.asked;
        let echo = echo.then(|| tokenizer.decode(prompt));
        let logprobs = self.prompt_logprobs.take().unwrap_or_default();
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
