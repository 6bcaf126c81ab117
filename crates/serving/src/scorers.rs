//! The scorers that the server has, and the work that they do: never on the threads for the network, a batch at a time, in turns.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Error, OutOfRange, Result};
use scorer::files::{self, Directory, Name, Saved};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::Unscored;
use crate::background::in_background;
use crate::service::RETRY_AFTER;

/// A directory of them. In memory are the one that was asked last, and those that choose for routes.
#[derive(Debug)]
pub struct Scorers {
    /// Without one there are none.
    directory: Option<Directory>,
    memory: Arc<Memory>,
    /// One is loaded at a time, on one thread: its encoder may have to be downloaded.
    loading: Arc<Semaphore>,
    /// One batch is computed at a time: the other processors are for the models. Who waits for longest is next.
    turn: Arc<Semaphore>,
    /// Of batches that others follow there may be as many as there are threads for them, which give way to all others.
    long_turns: Arc<Semaphore>,
    long_turns_at_once: usize,
    /// Requests that may be here at once.
    places: Semaphore,
}

/// What became of those that were asked.
#[derive(Debug, Default)]
struct Memory {
    kept: Mutex<Vec<Arc<Open>>>,
    /// Names of those that are never let go.
    pinned: Vec<String>,
    /// Those that could not be loaded, and when.
    failed: Mutex<Vec<(Name, Instant)>>,
}

/// A scorer in memory.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) name: Name,
    pub(crate) saved: Saved,
}

/// Requests that are scored, or wait for their turns.
const MOST_AT_ONCE: usize = 64;

impl Default for Scorers {
    fn default() -> Self {
        Self {
            directory: None,
            memory: Arc::default(),
            loading: Arc::new(Semaphore::new(1)),
            turn: Arc::new(Semaphore::new(1)),
            long_turns: Arc::new(Semaphore::new(1)),
            long_turns_at_once: 1,
            places: Semaphore::new(MOST_AT_ONCE),
        }
    }
}

impl Scorers {
    /// Those that lie there whenever they are asked for: it may change while the server runs, and need not be there yet.
    pub fn within(directory: impl Into<PathBuf>) -> Self {
        Self::of(Directory::new(directory), NonZeroUsize::MIN)
    }

    /// The same, of a directory that may have encoders of its own, and with threads for so many batches at once.
    pub fn of(directory: Directory, threads: NonZeroUsize) -> Self {
        let long_turns = Arc::new(Semaphore::new(threads.get()));
        Self { directory: Some(directory), long_turns, long_turns_at_once: threads.get(), ..Self::default() }
    }

    /// Batches of one request that are worth to be begun at once.
    pub(crate) fn long_turns_at_once(&self) -> usize {
        self.long_turns_at_once
    }

    /// Keeps these in memory once they have been asked. To be said before anybody asks.
    pub(crate) fn pin(&mut self, names: impl IntoIterator<Item = String>) {
        self.memory = Arc::new(Memory { pinned: names.into_iter().collect(), ..Memory::default() });
    }

    /// A place among those who are scored for. Given back when it is dropped.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>> {
        self.places.try_acquire().map_err(|_| crowded())
    }

    /// The scorer of this name, as it is now, if it can be had in time.
    pub(crate) async fn open(&self, name: &str, patience: Duration) -> Result<Arc<Open>, Unscored> {
        let unknown = |known| Unscored::UnknownScorer { scorer: name.to_owned(), known };
        let parsed = match Name::parse(name) {
            Ok(parsed) => Some(parsed),
            Err(files::Error::UnknownType(_)) => None,
            Err(_) => return Err(malformed(name).into()),
        };
        let Some(directory) = self.directory.clone() else { return Err(unknown(Vec::new())) };
        let told = |error| match error {
            files::Error::NotFound { known, .. } => unknown(known),
            error => {
                tracing::warn!(scorer = name, error = with_causes(&error), "a scorer cannot be used");
                unavailable(name)
            }
        };
        let Some(parsed) = parsed else {
            let known = spawn_blocking(move || directory.list()).await.map_err(Error::internal)?.map_err(told)?;
            return Err(unknown(known.iter().map(Name::to_string).collect()));
        };
        let (memory, place, asked) = (Arc::clone(&self.memory), directory.clone(), parsed.clone());
        let current = spawn_blocking(move || memory.current(&place, &asked)).await.map_err(Error::internal)?;
        match current.map_err(told)? {
            Some(open) => Ok(open),
            None if self.memory.has_failed(&parsed) => Err(unavailable(name)),
            None => self.load(directory, parsed, patience).await?.map_err(told),
        }
    }

    /// It goes on, and is kept, also where nobody waits for it any more.
    async fn load(&self, directory: Directory, name: Name, patience: Duration) -> Result<Result<Arc<Open>, files::Error>> {
        let loading = timeout(patience, Arc::clone(&self.loading).acquire_owned()).await.map_err(|_| crowded())?;
        let (loading, memory) = (loading.map_err(Error::internal)?, Arc::clone(&self.memory));
        let load = move || {
            let loaded = memory.load(&directory, name);
            drop(loading);
            loaded
        };
        let loaded = timeout(patience, spawn_blocking(load)).await.map_err(|_| crowded())?;
        loaded.map_err(Error::internal)
    }

    /// Does a piece of work when it is this one's turn, if that comes in time.
    pub(crate) async fn in_turn<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let work = with_turn(&self.turn, Some(patience), work).await?;
        spawn_blocking(work).await.map_err(Error::internal)
    }

    /// The same for a piece of work that others follow, or that follows others, which no patience ends: where a processor is left over.
    pub(crate) async fn in_long_turn<T: Send + 'static>(
        &self,
        patience: Option<Duration>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        in_background("scoring", with_turn(&self.long_turns, patience, work).await?).await
    }
}

/// Also where nobody waits for it any more, the turn ends with the work.
async fn with_turn<T>(
    turn: &Arc<Semaphore>,
    patience: Option<Duration>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<impl FnOnce() -> T + Send + 'static> {
    let turn = Arc::clone(turn).acquire_owned();
    let turn = match patience {
        Some(patience) => timeout(patience, turn).await.map_err(|_| crowded())?,
        None => turn.await,
    };
    let turn = turn.map_err(Error::internal)?;
    Ok(move || {
        let done = work();
        drop(turn);
        done
    })
}

impl Memory {
    /// The one in memory, if it is still what lies in the directory. Fails where nothing lies there.
    fn current(&self, directory: &Directory, name: &Name) -> Result<Option<Arc<Open>>, files::Error> {
        let sidecar = directory.describe(name)?;
        let open = locked(&self.kept).iter().find(|open| open.name == *name && open.saved.sidecar == sidecar).cloned();
        if let Some(open) = &open {
            self.keep(open);
        }
        Ok(open)
    }

    fn load(&self, directory: &Directory, name: Name) -> Result<Arc<Open>, files::Error> {
        // Who was before may have loaded it.
        if let Some(open) = self.current(directory, &name)? {
            return Ok(open);
        }
        match directory.load(&name) {
            Ok(saved) => {
                let open = Arc::new(Open { name, saved });
                self.keep(&open);
                Ok(open)
            }
            Err(error) => {
                locked(&self.failed).push((name, Instant::now()));
                Err(error)
            }
        }
    }

    fn keep(&self, open: &Arc<Open>) {
        let mut kept = locked(&self.kept);
        kept.retain(|other| other.name != open.name && self.pinned.contains(&other.name.to_string()));
        kept.push(Arc::clone(open));
    }

    /// A moment ago: it would fail again, and might take long to do so.
    fn has_failed(&self, name: &Name) -> bool {
        let mut failed = locked(&self.failed);
        failed.retain(|(_, at)| at.elapsed() < RETRY_AFTER);
        failed.iter().any(|(other, _)| other == name)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(name: &str) -> Unscored {
    let reason = format!("the scorer {name:?} could not be loaded");
    Unscored::Refused(Error::Unavailable { reason, retry_after: RETRY_AFTER })
}

fn malformed(name: &str) -> Error {
    // As much as a name may have.
    let name: String = name.chars().take(80).collect();
    let reason = OutOfRange::new(name, "type/name, as dense_network/example: letters, digits, -, _ and .");
    Error::OutOfRange { parameter: "model".into(), reason }
}

fn crowded() -> Error {
    Error::QueueFull { reason: "too many requests wait for scores", retry_after: RETRY_AFTER }
}

fn with_causes(error: &files::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_be_one_too_many_is_refused_at_once() {
        let scorers = Scorers::default();
        let places: Vec<_> = (0..MOST_AT_ONCE).map(|_| scorers.enter().unwrap()).collect();
        assert!(matches!(scorers.enter(), Err(Error::QueueFull { .. })));
        drop(places);
        assert!(scorers.enter().is_ok());
    }
}
