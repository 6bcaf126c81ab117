//! The requests of one connection: whether there is any, how long there has been none, and whether their answers are taken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Of one connection, in which requests come side by side.
#[derive(Debug, Default)]
pub(super) struct Requests {
    begun: AtomicU64,
    running: Arc<Among>,
}

/// Those that run, by their number. With each, since when its client has not taken what it was given; `None` while it waits for us.
#[derive(Debug, Default)]
struct Among(Mutex<BTreeMap<u64, Option<Instant>>>);

/// A request that is being answered, until the last of these is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Running(Arc<One>);

#[derive(Debug)]
struct One {
    number: u64,
    /// Its client says how much of the answer it takes.
    has_window: bool,
    among: Arc<Among>,
}

impl Requests {
    /// `has_window` as HTTP/2 has them. Without one, who takes nothing stalls the socket, and that is seen there.
    pub(super) fn begin(&self, has_window: bool) -> Running {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.running.lock().insert(number, None);
        Running(Arc::new(One { number, has_window, among: Arc::clone(&self.running) }))
    }

    /// How many there were.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether there is one now.
    pub(super) fn run(&self) -> bool {
        !self.running.lock().is_empty()
    }

    /// Resolves when there are answers, and nothing of any of them was taken for so long (or twice that). Pings that are answered, as
    /// HTTP/2 has them, take nothing.
    pub(super) async fn untaken(&self, patience: Duration) {
        loop {
            sleep(patience).await;
            let now = Instant::now();
            let is_stuck = |since: &Option<Instant>| since.is_some_and(|since| now - since >= patience);
            let running = self.running.lock();
            if !running.is_empty() && running.values().all(is_stuck) {
                return;
            }
        }
    }

    /// Resolves when nothing was asked, nor answered, for so long.
    pub(super) async fn idle(&self, patience: Duration) {
        loop {
            let begun = self.begun();
            sleep(patience).await;
            if !self.run() && self.begun() == begun {
                return;
            }
        }
    }
}

impl Running {
    /// There is something for the client to take.
    pub(crate) fn gives(&self) {
        if self.0.has_window {
            self.0.is(Some(Instant::now()));
        }
    }

    /// The client has taken all that there is so far.
    pub(crate) fn owes(&self) {
        if self.0.has_window {
            self.0.is(None);
        }
    }
}

impl One {
    fn is(&self, since: Option<Instant>) {
        self.among.lock().insert(self.number, since);
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.among.lock().remove(&self.number);
    }
}

impl Among {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Option<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn what_runs_and_what_comes_keeps_it_open() {
        let requests = Requests::default();
        let running = requests.begin(false);
        let began = Instant::now();
        let requests_come = async {
            sleep(PATIENCE * 9 / 2).await;
            drop(running);
            sleep(PATIENCE / 4).await;
            drop(requests.begin(false));
        };
        tokio::join!(requests.idle(PATIENCE), requests_come);
        assert_eq!(
            began.elapsed(),
            6 * PATIENCE,
            "it is looked at once in a while, and was silent from one look to the next"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_taken_or_awaited_keeps_others_that_are_not() {
        let requests = Requests::default();
        let (stuck, read, awaited) = (requests.begin(true), requests.begin(true), requests.begin(true));
        stuck.gives();
        let goes_on = async {
            for _ in 0..9 {
                read.gives();
                sleep(PATIENCE / 2).await;
            }
            drop(read);
            sleep(3 * PATIENCE).await;
            awaited.owes();
            drop(awaited);
        };
        let began = Instant::now();
        tokio::join!(requests.untaken(PATIENCE), goes_on);
        assert_eq!(began.elapsed(), 8 * PATIENCE);
    }
}
