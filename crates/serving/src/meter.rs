//! Measures and traces one generation or classification, from the request to its end.

use std::sync::Arc;
use std::time::Duration;

use backend::{Error, Event, FinishReason, Generation, Kind, ModelCard, Piece, Prompt};
use telemetry::{GenerationEnded, GenerationTrace, Metrics, Operation};
use tokio::time::Instant;

use crate::account::Account;

/// Counts when dropped, so that no end is missed.
#[derive(Debug)]
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    trace: GenerationTrace,
    operation: Operation,
    model: String,
    /// The model that it is an adapter of.
    parent: Option<String>,
    started: Instant,
    first_token: Option<Duration>,
    /// The last token's, not the stream's: a slow reader is not a slow model.
    last_token: Option<Duration>,
    input_tokens: u32,
    cached_tokens: u32,
    output_tokens: u32,
    finish_reasons: Vec<FinishReason>,
    /// Until it is known better, whoever drops the stream has gone away.
    error: Option<&'static str>,
    /// Somebody is at work on it.
    runs: bool,
    /// Who pays for it, once something was set aside.
    account: Option<Account>,
}

impl Meter {
    /// Of an answer of this model.
    pub(crate) fn of(metrics: Arc<Metrics>, model: &ModelCard, operation: Operation) -> Self {
        let mut meter = Self::start(metrics, model.id.clone(), operation);
        meter.parent.clone_from(&model.parent);
        meter
    }

    pub(crate) fn start(metrics: Arc<Metrics>, model: String, operation: Operation) -> Self {
        Self {
            metrics,
            trace: GenerationTrace::start(),
            operation,
            model,
            parent: None,
            started: Instant::now(),
            first_token: None,
            last_token: None,
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
            finish_reasons: Vec::new(),
            error: Some(GenerationEnded::CLIENT_GONE),
            runs: false,
            account: None,
        }
    }

    /// What the backend is about to be asked.
    pub(crate) fn asked(&mut self, generation: &Generation) {
        self.trace.asked(generation);
    }

    pub(crate) fn pays(&mut self, account: Option<Account>) {
        self.account = account;
    }

    /// From here on it costs something, whoever stays for the answer.
    pub(crate) fn runs(&mut self) {
        self.runs = true;
    }

    pub(crate) fn event(&mut self, event: &Event) {
        self.note(event);
        if let Some(account) = &mut self.account {
            account.used(self.input_tokens, self.output_tokens);
        }
    }

    /// An event that nobody stayed for: it counts, and says nothing of when it was made.
    pub(crate) fn untaken(&mut self, event: &Event) {
        let Self { error, first_token, last_token, .. } = *self;
        self.event(event);
        (self.error, self.first_token, self.last_token) = (error, first_token, last_token);
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Prompt { tokens, cached, .. } => {
                (self.input_tokens, self.cached_tokens) = (*tokens, *cached);
                self.trace.admitted(self.started.elapsed());
            }
            Event::Text { tokens, .. } => {
                self.output_tokens += tokens;
                self.last_token = Some(self.started.elapsed());
                self.first_token = self.first_token.or(self.last_token);
            }
            Event::Finished { reason, .. } => self.finish_reasons.push(*reason),
            Event::Done(usage) => {
                (self.input_tokens, self.cached_tokens) = (usage.prompt_tokens, usage.cached_tokens);
                self.output_tokens = usage.completion_tokens;
                self.error = None;
            }
        }
    }

    pub(crate) fn error(&mut self, error: &Error) {
        self.error = Some(word(error.kind()));
    }

    /// Those of the prompt. It was worked on, too, if whoever asked did not stay to hear how many it has: a request that is given up
    /// is no cheaper than one that fails, and not free.
    fn input_tokens(&self) -> u32 {
        let unheard = self.runs && self.input_tokens == 0 && self.error == Some(GenerationEnded::CLIENT_GONE);
        self.account.as_ref().filter(|_| unheard).map_or(self.input_tokens, Account::prompt_tokens)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let ended = GenerationEnded {
            operation: self.operation,
            model: &self.model,
            took: self.last_token.unwrap_or_else(|| self.started.elapsed()),
            to_first_token: self.first_token,
            input_tokens: self.input_tokens(),
            cached_tokens: self.cached_tokens,
            output_tokens: self.output_tokens,
            finish_reasons: &self.finish_reasons,
            error: self.error,
        };
        // Only now: how many tokens the prompt of a model on another server has is a guess until its last event.
        if let Some(account) = self.account.take() {
            account.close(&ended, self.parent.as_deref(), &self.metrics);
        }
        self.metrics.generation_ended(&ended);
        self.trace.ended(&ended);
    }
}

/// What is counted as it passes.
pub(crate) trait Metered {
    fn events(&self) -> &[Event];
}

impl Metered for Event {
    fn events(&self) -> &[Event] {
        std::slice::from_ref(self)
    }
}

impl Metered for Piece {
    fn events(&self) -> &[Event] {
        &self.events
    }
}

pub(crate) const fn operation(prompt: &Prompt) -> Operation {
    match prompt {
        Prompt::Chat(_) => Operation::Chat,
        Prompt::Text(_) | Prompt::Tokens(_) => Operation::TextCompletion,
    }
}

/// The value of a label.
pub(crate) const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::Unsupported => "unsupported",
        Kind::ContextLength => "context_length",
        Kind::NotFound => "not_found",
        Kind::Unauthorized => "unauthorized",
        Kind::Forbidden => "forbidden",
        Kind::RateLimited => "rate_limit_exceeded",
        Kind::QuotaSpent => "insufficient_quota",
        Kind::QueueFull => "queue_full",
        Kind::Unavailable => "unavailable",
        Kind::InvalidOutput => "invalid_output",
        Kind::Upstream => "upstream",
        Kind::Loop => "loop",
        Kind::Timeout => "timeout",
        Kind::Internal => "internal",
    }
}
