//! The events of an answer, put together from the steps of its choices.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use backend::{Error, Event, Result, Usage};
use futures_core::Stream;
use mistralrs::Response;
use tokio::sync::mpsc;

use crate::chooser::Step;

/// Ends after `Done` or an error. Dropping it ends what mistral.rs still computes for it.
pub(crate) struct Answer {
    lines: Vec<Line>,
    ready: VecDeque<Event>,
    usage: Usage,
    ended: bool,
}

/// One choice.
pub(crate) struct Line {
    choice: u16,
    /// Gone once the choice has its end: mistral.rs sees by it that nobody wants more.
    open: Option<Open>,
}

struct Open {
    steps: mpsc::Receiver<Result<Step>>,
    /// What mistral.rs has to say itself: nothing that is needed, but for its errors.
    responses: mpsc::Receiver<Response>,
    /// Nothing will come after the steps that are there.
    broken: Option<Error>,
}

impl Line {
    pub(crate) fn new(choice: u16, steps: mpsc::Receiver<Result<Step>>, responses: mpsc::Receiver<Response>) -> Self {
        Self { choice, open: Some(Open { steps, responses, broken: None }) }
    }
}

impl Open {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Step>> {
        while self.broken.is_none() {
            match self.responses.poll_recv(context) {
                Poll::Ready(Some(response)) => self.broken = failure(response),
                Poll::Ready(None) => self.broken = Some(Error::internal("mistral.rs stopped in the middle of an answer")),
                Poll::Pending => break,
            }
        }
        match (self.steps.poll_recv(context), &self.broken) {
            (Poll::Ready(Some(step)), _) => Poll::Ready(step),
            (_, Some(error)) => Poll::Ready(Err(error.clone())),
            (Poll::Ready(None) | Poll::Pending, None) => Poll::Pending,
        }
    }
}

/// What a response says went wrong, if it says so.
fn failure(response: Response) -> Option<Error> {
    match response {
        Response::InternalError(error) => Some(Error::internal(error)),
        Response::ValidationError(error) => Some(Error::invalid("prompt", error)),
        Response::ModelError(reason, _) | Response::CompletionModelError(reason, _) => Some(Error::internal(reason)),
        _ => None,
    }
}

impl Answer {
    /// To a prompt of so many tokens, which is itself the first event.
    pub(crate) fn new(prompt: usize, echo: Option<String>, lines: Vec<Line>) -> Self {
        let tokens = prompt as u32;
        let begin = Event::Prompt { tokens, cached: 0, echo, logprobs: Vec::new() };
        Self {
            lines,
            ready: VecDeque::from([begin]),
            usage: Usage { prompt_tokens: tokens, ..Usage::default() },
            ended: false,
        }
    }

    /// Takes what one of the choices has to tell.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        for line in &mut self.lines {
            let Some(open) = &mut line.open else { continue };
            let Poll::Ready(step) = open.poll(context) else { continue };
            let Step { piece, finished } = step?;
            self.usage.completion_tokens += 1;
            let choice = line.choice;
            if !piece.is_empty() {
                let decoding::Piece { text, tokens, logprobs } = piece;
                self.ready.push_back(Event::Text { choice, text, tokens, logprobs });
            }
            if let Some((reason, stop)) = finished {
                line.open = None;
                self.ready.push_back(Event::Finished { choice, reason, stop });
            }
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl Stream for Answer {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            if self.lines.iter().all(|line| line.open.is_none()) {
                self.ended = true;
                return Poll::Ready(Some(Ok(Event::Done(self.usage))));
            }
            match self.advance(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.ended = true;
                    self.lines.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
