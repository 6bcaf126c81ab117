//! Work that takes longer than a moment, on threads for blocking work: a bounded number at a time, and a bounded number that
//! wait for it.

use std::sync::Arc;
use std::time::Duration;

use backend::{Error, Result};
use tokio::sync::Semaphore;

/// Two, so that one long prompt does not hold up all others; more would take the processors from the sequences that run.
const AT_ONCE: usize = 2;

#[derive(Debug)]
pub(crate) struct Aside {
    places: Semaphore,
    threads: Arc<Semaphore>,
}

impl Aside {
    /// With so many places for those that run or wait.
    pub(crate) fn new(places: usize) -> Self {
        let threads = Arc::new(Semaphore::new(AT_ONCE));
        Self { places: Semaphore::new(places.clamp(AT_ONCE, Semaphore::MAX_PERMITS)), threads }
    }

    /// Does `work`, after a wait of at most `patience`. Dropping the future gives up the place; work that has begun goes on to
    /// its end, and nothing else begins on its thread before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Error::QueueFull { reason: "too many long prompts at once", retry_after: Duration::from_secs(1) });
        };
        let Ok(thread) = tokio::time::timeout(patience, Arc::clone(&self.threads).acquire_owned()).await else {
            return Err(Error::QueueFull { reason: "the wait in the queue was too long", retry_after: patience });
        };
        let thread = thread.map_err(Error::internal)?;
        let work = move || {
            let done = work();
            drop(thread);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use backend::Kind;

    use super::*;

    #[tokio::test]
    async fn so_many_run_so_many_wait_and_the_rest_is_refused() {
        let aside = Aside::new(3);
        let (finish, finished) = mpsc::sync_channel::<()>(2);
        let finished = Arc::new(std::sync::Mutex::new(finished));
        let work = |finished: Arc<std::sync::Mutex<mpsc::Receiver<()>>>| move || finished.lock().unwrap().recv();
        let patience = Duration::from_mins(1);
        let (first, second, third, fourth, ()) = tokio::join!(
            aside.run(patience, work(Arc::clone(&finished))),
            aside.run(patience, work(Arc::clone(&finished))),
            aside.run(patience, || ()),
            aside.run(patience, || ()),
            async { (0..2).for_each(|_| finish.send(()).unwrap()) },
        );
        assert!(first.unwrap().is_ok() && second.unwrap().is_ok() && third.is_ok());
        assert_eq!(fourth.unwrap_err().kind(), Kind::QueueFull);
    }

    #[tokio::test]
    async fn a_wait_has_an_end() {
        let aside = Aside::new(5);
        let (finish, finished) = mpsc::sync_channel::<()>(2);
        let finished = Arc::new(std::sync::Mutex::new(finished));
        let held = || {
            let finished = Arc::clone(&finished);
            aside.run(Duration::ZERO, move || finished.lock().unwrap().recv())
        };
        let late = async {
            let refused = aside.run(Duration::from_millis(1), || ()).await;
            (0..2).for_each(|_| finish.send(()).unwrap());
            refused
        };
        let (first, second, refused) = tokio::join!(held(), held(), late);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(refused.unwrap_err().kind(), Kind::QueueFull);
    }
}
