//! The scorers that the server has, and the work that they do: never on the threads for the network, a batch at a time, in turns.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Error, OutOfRange, Result};
use scorer::files::{self, Directory, Name, Saved};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::Unscored;
use crate::service::RETRY_AFTER;

/// A directory of them. In memory are the one that was asked last, and those that choose for routes.
#[derive(Debug)]
pub struct Scorers {
    /// Without one there are none.
    directory: Option<Directory>,
    kept: Mutex<Vec<Arc<Open>>>,
    /// Names of those that are never let go.
    pinned: Vec<String>,
    /// One batch is computed at a time: the other processors are for the models. Who waits for longest is next.
    turn: Arc<Semaphore>,
    /// Requests that may be here at once.
    places: Semaphore,
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
            kept: Mutex::default(),
            pinned: Vec::new(),
            turn: Arc::new(Semaphore::new(1)),
            places: Semaphore::new(MOST_AT_ONCE),
        }
    }
}

impl Scorers {
    /// Those that lie there whenever they are asked for: it may change while the server runs, and need not be there yet.
    pub fn within(directory: impl Into<PathBuf>) -> Self {
        Self::of(Directory::new(directory))
    }

    /// The same, of a directory that may have encoders of its own.
    pub fn of(directory: Directory) -> Self {
        Self { directory: Some(directory), ..Self::default() }
    }

    /// Keeps these in memory once they have been asked.
    pub(crate) fn pin(&mut self, names: impl IntoIterator<Item = String>) {
        self.pinned.extend(names);
    }

    /// A place among those who are scored for. Given back when it is dropped.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>> {
        self.places.try_acquire().map_err(|_| crowded())
    }

    /// The scorer of this name, as it is now.
    pub(crate) async fn open(&self, name: &str) -> Result<Arc<Open>, Unscored> {
        let missing = |known| Unscored::UnknownScorer { scorer: name.to_owned(), known };
        let parsed = match Name::parse(name) {
            Ok(parsed) => Some(parsed),
            Err(files::Error::UnknownType(_)) => None,
            Err(_) => return Err(malformed(name).into()),
        };
        let Some(directory) = self.directory.clone() else { return Err(missing(Vec::new())) };
        let kept = self.kept().iter().find(|kept| Some(&kept.name) == parsed.as_ref()).cloned();
        let opened = spawn_blocking(move || opened(&directory, parsed, kept)).await.map_err(Error::internal)?;
        let open = opened.map_err(|error| match error {
            files::Error::NotFound { known, .. } => missing(known),
            error => {
                tracing::warn!(scorer = name, error = with_causes(&error), "a scorer cannot be used");
                let reason = format!("the scorer {name:?} could not be loaded");
                Unscored::Refused(Error::Unavailable { reason, retry_after: RETRY_AFTER })
            }
        })?;
        self.keep(&open);
        Ok(open)
    }

    fn keep(&self, open: &Arc<Open>) {
        let mut kept = self.kept();
        kept.retain(|other| other.name != open.name && self.pinned.contains(&other.name.to_string()));
        kept.push(Arc::clone(open));
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Arc<Open>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a piece of work when it is this one's turn, if that comes in time.
    pub(crate) async fn in_turn<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = timeout(patience, Arc::clone(&self.turn).acquire_owned()).await.map_err(|_| crowded())?;
        let turn = turn.map_err(Error::internal)?;
        let work = move || {
            let done = work();
            // Also where nobody waits for it any more, the turn ends with the work.
            drop(turn);
            done
        };
        spawn_blocking(work).await.map_err(Error::internal)
    }
}

/// The one that is in memory again, if nothing has changed. Without a name only what there is instead.
fn opened(directory: &Directory, name: Option<Name>, kept: Option<Arc<Open>>) -> Result<Arc<Open>, files::Error> {
    let Some(name) = name else {
        let known = directory.list()?.iter().map(Name::to_string).collect();
        return Err(files::Error::NotFound { name: String::new(), known });
    };
    if let Some(kept) = kept
        && directory.describe(&name)? == kept.saved.sidecar
    {
        return Ok(kept);
    }
    let saved = directory.load(&name)?;
    Ok(Arc::new(Open { name, saved }))
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
