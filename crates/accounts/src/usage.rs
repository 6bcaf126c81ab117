//! What was used by whom: a row a request, written behind.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::store::{Store, StoreError};

/// So many rows wait at most while the database is down; the rest is only counted.
const MOST_WAITING: usize = 20_000;
/// Rows of one transaction.
const BATCH: usize = 1000;

/// One answer, when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: SystemTime,
    pub key: String,
    pub organization: String,
    pub model: String,
    /// Empty for the model itself.
    pub adapter: String,
    /// 1, or 0 for an answer of a request that was counted with another: a batch is one request.
    pub requests: u32,
    pub prompt_tokens: u32,
    /// Of the prompt's, those that came from the prefix cache.
    pub cached_tokens: u32,
    pub completion_tokens: u32,
    /// How it ended: `ok`, or why not.
    pub status: &'static str,
    pub duration: Duration,
}

#[cfg(test)]
impl Entry {
    /// Of the same key, organisation and model each time.
    pub(crate) fn of_one_request(at: SystemTime) -> Self {
        Self {
            at,
            key: "key".into(),
            organization: "acme".into(),
            model: "demo".into(),
            adapter: String::new(),
            requests: 1,
            prompt_tokens: 1,
            cached_tokens: 0,
            completion_tokens: 1,
            status: "ok",
            duration: Duration::ZERO,
        }
    }
}

/// Sums of one organisation, key, model and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub organization: String,
    pub key: String,
    pub model: String,
    pub adapter: String,
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    pub sums: Sums,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub requests: u64,
    pub prompt_tokens: u64,
    pub cached_tokens: u64,
    pub completion_tokens: u64,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.prompt_tokens += other.prompt_tokens;
        self.cached_tokens += other.cached_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}

/// Rows that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Each with a name of its own, by which the database knows it again if it is written twice because an answer was lost. Later names
    /// sort behind earlier ones: the index of a large table grows at its end, and not everywhere.
    waiting: Mutex<Vec<(Uuid, Entry)>>,
    /// Lost because too many were waiting.
    lost: AtomicU64,
}

impl Ledger {
    /// Never waits.
    pub(crate) fn push(&self, entry: Entry) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push((Uuid::now_v7(), entry));
        } else if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(waiting = MOST_WAITING, "the ledger cannot be written, and rows are being lost");
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what is waiting. What could not be written waits on.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), StoreError> {
        loop {
            let batch: Vec<_> = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let rows = waiting.len().min(BATCH);
                waiting.drain(..rows).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            if let Err(error) = store.write_entries(&batch).await {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.splice(..0, batch);
                return Err(error);
            }
        }
    }
}
