//! Who waits for a server, in the order in which they came. The first is the only one that looks whether there is room; the next is
//! called when it has gone.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Their tickets rise.
    waiting: VecDeque<Waiting>,
    next: u64,
}

/// A place in the queue.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    ticket: u64,
    /// It may be first now, and there may be room. A call that comes early is kept.
    pub(crate) called: Arc<Notify>,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// At the end.
    pub(crate) fn enter(&mut self) -> Waiting {
        let waiting = Waiting { ticket: self.next, called: Arc::default() };
        self.next += 1;
        self.waiting.push_back(waiting.clone());
        waiting
    }

    pub(crate) fn is_first(&self, waiting: &Waiting) -> bool {
        self.waiting.front().is_some_and(|first| first.ticket == waiting.ticket)
    }

    /// With a seat, or without.
    pub(crate) fn leave(&mut self, waiting: &Waiting) {
        let Ok(index) = self.waiting.binary_search_by_key(&waiting.ticket, |waiting| waiting.ticket) else { return };
        self.waiting.remove(index);
        if index == 0 {
            self.call();
        }
    }

    /// Something has become free, or has gone.
    pub(crate) fn call(&self) {
        self.waiting.front().into_iter().for_each(|first| first.called.notify_one());
    }
}
