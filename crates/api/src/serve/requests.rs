//! The requests of one connection: whether there is any, and how long there has been none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Of one connection, in which requests come side by side.
#[derive(Debug, Default)]
pub(super) struct Requests {
    begun: AtomicU64,
    /// Held by each that runs.
    running: Arc<()>,
}

/// A request that is being answered, until the last of these is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Running(#[expect(dead_code, reason = "it is counted, not read")] Arc<()>);

impl Requests {
    pub(super) fn begin(&self) -> Running {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(&self.running))
    }

    /// How many there were.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether there is one now.
    pub(super) fn run(&self) -> bool {
        Arc::strong_count(&self.running) > 1
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn what_runs_and_what_comes_keeps_it_open() {
        let requests = Requests::default();
        let running = requests.begin();
        let began = Instant::now();
        let requests_come = async {
            sleep(PATIENCE * 9 / 2).await;
            drop(running);
            sleep(PATIENCE / 4).await;
            drop(requests.begin());
        };
        tokio::join!(requests.idle(PATIENCE), requests_come);
        assert_eq!(
            began.elapsed(),
            6 * PATIENCE,
            "it is looked at once in a while, and was silent from one look to the next"
        );
    }
}
