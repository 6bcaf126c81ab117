//! The reader's end of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use backend::{Error, Event, Result};
use futures_core::Stream;
use tokio::sync::mpsc;

/// Ends after `Done` or an error; if the worker goes away before, that is an error too. Dropping it ends the request.
#[derive(Debug)]
pub(crate) struct EventStream {
    events: mpsc::Receiver<Result<Event>>,
    ended: bool,
}

impl EventStream {
    pub(crate) fn new(events: mpsc::Receiver<Result<Event>>) -> Self {
        Self { events, ended: false }
    }
}

impl Stream for EventStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.events.poll_recv(context).map(|item| {
            let item = item.unwrap_or_else(|| Err(Error::internal("the engine stopped in the middle of an answer")));
            self.ended = matches!(item, Ok(Event::Done(_)) | Err(_));
            Some(item)
        })
    }
}
