//! A request that runs, as the slices know it that it was paid from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cheap to clone: the reservation and its slices look at the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) id: u64,
    used: Arc<AtomicU64>,
}

impl Holder {
    /// `id` belongs to no other of this process.
    pub(crate) fn new(id: u64) -> Self {
        Self { id, used: Arc::default() }
    }

    /// It has used so many tokens by now.
    pub(crate) fn use_up(&self, tokens: u64) {
        self.used.store(tokens, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}
