//! Who may run and who waits: mistral.rs gets no more sequences than it may run, so that its own queue is always empty, and a
//! request that nobody waits for any more never reaches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Error, Priority, Result};
use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Turns {
    most_running: usize,
    most_queued: usize,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sequences.
    running: usize,
    /// Requests, those that run next first.
    waiting: BTreeMap<Ticket, Waiting>,
    next: u64,
}

/// Lower runs first, and among equals who came first.
type Ticket = (Priority, u64);

#[derive(Debug)]
struct Waiting {
    places: usize,
    called: oneshot::Sender<()>,
}

/// Room for some sequences; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    turns: Arc<Turns>,
    places: usize,
}

impl Turns {
    pub(crate) fn new(most_running: usize, most_queued: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { most_running, most_queued, patience, state: Mutex::default() })
    }

    /// Sequences that run, and requests that wait.
    pub(crate) fn counts(&self) -> (u32, u32) {
        let state = self.lock();
        (state.running as u32, state.waiting.len() as u32)
    }

    /// Waits for room for so many sequences, or for all that there is. Dropping the future gives up the place in the queue.
    pub(crate) async fn enter(self: &Arc<Self>, priority: Priority, sequences: usize) -> Result<Seat> {
        let places = sequences.min(self.most_running);
        let Some(mut turn) = self.queue(priority, places)? else { return Ok(self.seat(places)) };
        match tokio::time::timeout(self.patience, &mut turn.called).await {
            Ok(Ok(())) => {
                turn.taken = true;
                Ok(self.seat(places))
            }
            Ok(Err(_)) => Err(Error::internal("a place in the queue was lost")),
            Err(_) => {
                let reason = "the wait in the queue was too long";
                Err(Error::QueueFull { reason, retry_after: self.patience })
            }
        }
    }

    /// `None`: there is room at once.
    fn queue(self: &Arc<Self>, priority: Priority, places: usize) -> Result<Option<Turn>> {
        let mut state = self.lock();
        if state.waiting.is_empty() && state.running + places <= self.most_running {
            state.running += places;
            return Ok(None);
        }
        if state.waiting.len() >= self.most_queued {
            return Err(Error::QueueFull { reason: "the queue is full", retry_after: Duration::from_secs(1) });
        }
        let (sender, called) = oneshot::channel();
        let ticket = (priority, state.next);
        state.next += 1;
        state.waiting.insert(ticket, Waiting { places, called: sender });
        Ok(Some(Turn { turns: Arc::clone(self), ticket, places, called, taken: false }))
    }

    fn seat(self: &Arc<Self>, places: usize) -> Seat {
        Seat { turns: Arc::clone(self), places }
    }

    fn leave(&self, places: usize) {
        let mut state = self.lock();
        state.running -= places;
        state.call(self.most_running);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives those who are next what room there is. Who has gone meanwhile gives it back himself.
    fn call(&mut self, most_running: usize) {
        while let Some(first) = self.waiting.first_entry() {
            if self.running + first.get().places > most_running {
                return;
            }
            let waiting = first.remove();
            self.running += waiting.places;
            let _ = waiting.called.send(());
        }
    }
}

/// A place in the queue.
struct Turn {
    turns: Arc<Turns>,
    ticket: Ticket,
    places: usize,
    called: oneshot::Receiver<()>,
    /// Its room is somebody's seat by now.
    taken: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = self.turns.lock();
        if state.waiting.remove(&self.ticket).is_none() {
            state.running -= self.places;
        }
        state.call(self.turns.most_running);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.turns.leave(self.places);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use backend::Kind;

    use super::*;

    const EVEN: Priority = Priority(0);

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn turns(running: usize, queued: usize) -> Arc<Turns> {
        Turns::new(running, queued, Duration::from_secs(30))
    }

    #[tokio::test]
    async fn who_goes_makes_room_for_who_waits() {
        let turns = turns(1, 1);
        let first = turns.enter(EVEN, 1).await.unwrap();
        let mut second = pin!(turns.enter(EVEN, 1));
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(turns.counts(), (1, 1));
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn beyond_the_queue_one_is_refused() {
        let turns = turns(1, 1);
        let _first = turns.enter(EVEN, 1).await.unwrap();
        let mut second = pin!(turns.enter(EVEN, 1));
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(turns.enter(EVEN, 1).await.unwrap_err().kind(), Kind::QueueFull);
    }

    #[tokio::test]
    async fn the_lower_priority_number_is_next() {
        let turns = turns(1, 2);
        let first = turns.enter(EVEN, 1).await.unwrap();
        let (mut late, mut early) = (pin!(turns.enter(Priority(1), 1)), pin!(turns.enter(Priority(-1), 1)));
        assert!(poll(late.as_mut()).is_pending() && poll(early.as_mut()).is_pending());
        drop(first);
        assert!(poll(late.as_mut()).is_pending());
        assert!(early.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_an_end() {
        let turns = turns(1, 1);
        let _first = turns.enter(EVEN, 1).await.unwrap();
        assert_eq!(turns.enter(EVEN, 1).await.unwrap_err().kind(), Kind::QueueFull);
        assert_eq!(turns.counts(), (1, 0));
    }

    #[tokio::test]
    async fn who_was_called_and_has_gone_gives_the_room_back() {
        let turns = turns(1, 2);
        let first = turns.enter(EVEN, 1).await.unwrap();
        {
            let mut second = pin!(turns.enter(EVEN, 1));
            assert!(poll(second.as_mut()).is_pending());
            drop(first);
        }
        assert_eq!(turns.counts(), (0, 0));
        assert!(turns.enter(EVEN, 1).await.is_ok());
    }

    #[tokio::test]
    async fn more_sequences_than_can_run_take_all_the_room() {
        let turns = turns(2, 1);
        let seat = turns.enter(EVEN, 5).await.unwrap();
        assert_eq!(turns.counts().0, 2);
        drop(seat);
        assert_eq!(turns.counts(), (0, 0));
    }
}
