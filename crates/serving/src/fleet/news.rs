//! Whether newer states of what is in memory can be had.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::OpenError;

/// Of one model or adapter.
#[derive(Debug, Default)]
pub(super) struct News(Mutex<Option<OpenError>>);

impl News {
    /// What came of looking for a newer state. Said once.
    pub(super) fn note(&self, id: &str, error: Option<&OpenError>) {
        let mut before = self.error();
        if before.as_ref() == error {
            return;
        }
        *before = error.cloned();
        if let Some(error) = error {
            tracing::error!(model = %id, %error, "no newer version can be had; the old one answers on");
        } else {
            tracing::info!(model = %id, "newer versions can be had again");
        }
    }

    /// Whether one was looked for in vain.
    pub(super) fn is_outdated(&self) -> bool {
        self.error().is_some()
    }

    /// Why; for anybody.
    pub(super) fn trouble(&self) -> Option<String> {
        self.error().as_ref().map(|error| format!("no newer version can be had: {}", error.reason))
    }

    fn error(&self) -> MutexGuard<'_, Option<OpenError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
