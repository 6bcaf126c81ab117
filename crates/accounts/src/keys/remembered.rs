//! What the database said lately.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::StoreError;

/// So long nothing is asked again: what is changed in the database is in force after that.
const FRESH: Duration = Duration::from_secs(5);
/// So long an answer holds while the database gives no other.
const STALE: Duration = Duration::from_mins(5);
const MOST: usize = 10_000;

#[derive(Debug)]
pub(super) struct Remembered<T> {
    entries: Mutex<HashMap<String, Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    loaded: Instant,
    /// When somebody last went to look, with or without an answer.
    checked: Instant,
}

impl<T: Clone> Remembered<T> {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default() }
    }

    /// What is remembered, else what `load` says, which is not waited for where it is `hopeless`. Nothing is remembered of what is not
    /// there: names that somebody makes up would push out those that there are.
    pub(super) async fn get<F>(&self, name: &str, hopeless: bool, load: impl FnOnce() -> F) -> Result<Option<T>, StoreError>
    where
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        let remembered = if hopeless { self.stale(name) } else { self.fresh(name) };
        if remembered.is_some() {
            return Ok(remembered);
        }
        // Who gives up half way has not looked, and the next one does.
        let looking = Looking { remembered: self, name };
        let loaded = load().await;
        std::mem::forget(looking);
        match loaded {
            Ok(Some(value)) => {
                self.put(name, value.clone());
                Ok(Some(value))
            }
            Ok(None) => {
                self.entries().remove(name);
                Ok(None)
            }
            Err(error) => self.stale(name).map(Some).ok_or(error),
        }
    }

    fn fresh(&self, name: &str) -> Option<T> {
        let (mut entries, now) = (self.entries(), Instant::now());
        let entry = entries.get_mut(name)?;
        if now.duration_since(entry.checked) < FRESH && now.duration_since(entry.loaded) < STALE {
            return Some(entry.value.clone());
        }
        // Who comes while we look takes what is there: they need not all wait for the same answer.
        entry.checked = now;
        None
    }

    fn stale(&self, name: &str) -> Option<T> {
        let entries = self.entries();
        let entry = entries.get(name)?;
        (entry.loaded.elapsed() < STALE).then(|| entry.value.clone())
    }

    fn put(&self, name: &str, value: T) {
        let (mut entries, now) = (self.entries(), Instant::now());
        if entries.len() >= MOST && !entries.contains_key(name) {
            entries.retain(|_, entry| now.duration_since(entry.loaded) < FRESH);
        }
        if entries.len() < MOST || entries.contains_key(name) {
            entries.insert(name.to_owned(), Entry { value, loaded: now, checked: now });
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who looks.
struct Looking<'a, T: Clone> {
    remembered: &'a Remembered<T>,
    name: &'a str,
}

impl<T: Clone> Drop for Looking<'_, T> {
    fn drop(&mut self) {
        if let Some(entry) = self.remembered.entries().get_mut(self.name) {
            entry.checked = entry.loaded;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    async fn ask(remembered: &Remembered<u8>, answer: Result<Option<u8>, StoreError>) -> Option<Option<u8>> {
        remembered.get("key", false, || async { answer }).await.ok()
    }

    fn down() -> Result<Option<u8>, StoreError> {
        Err(StoreError::TooSlow(Duration::from_secs(2)))
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_is_seen_after_five_seconds() {
        let remembered = Remembered::new();
        assert_eq!(ask(&remembered, Ok(Some(1))).await, Some(Some(1)));
        assert_eq!(ask(&remembered, Ok(Some(2))).await, Some(Some(1)));
        advance(FRESH).await;
        assert_eq!(ask(&remembered, Ok(Some(2))).await, Some(Some(2)));
        advance(FRESH).await;
        assert_eq!(ask(&remembered, Ok(None)).await, Some(None));
        assert_eq!(ask(&remembered, down()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_given_up_is_none() {
        let remembered = Remembered::new();
        assert_eq!(ask(&remembered, Ok(Some(1))).await, Some(Some(1)));
        advance(FRESH).await;
        assert!(timeout(Duration::ZERO, remembered.get("key", false, std::future::pending)).await.is_err());
        assert_eq!(ask(&remembered, Ok(None)).await, Some(None));
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_database_an_answer_holds_five_minutes() {
        let remembered = Remembered::new();
        assert_eq!(ask(&remembered, Ok(Some(1))).await, Some(Some(1)));
        advance(STALE / 2).await;
        assert_eq!(ask(&remembered, down()).await, Some(Some(1)));
        advance(STALE / 2).await;
        assert_eq!(ask(&remembered, down()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_database_that_is_known_to_be_gone() {
        let remembered = Remembered::new();
        assert_eq!(ask(&remembered, Ok(Some(1))).await, Some(Some(1)));
        advance(FRESH).await;
        let gone = remembered.get("key", true, std::future::pending).await;
        assert_eq!(gone.unwrap(), Some(1));
        assert_eq!(ask(&remembered, Ok(Some(2))).await, Some(Some(2)));
    }
}
