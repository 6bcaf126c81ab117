//! What the worker tells and everybody may read: a few numbers behind a lock that is held for a copy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use backend::Activity;

#[derive(Debug, Default)]
pub(crate) struct Shared {
    latest: Mutex<Latest>,
    draining: AtomicBool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Latest {
    activity: Activity,
    /// When the last step ended or the first one began.
    progress: Option<Instant>,
}

impl Shared {
    pub(crate) fn publish(&self, activity: Activity, now: Instant) {
        *self.latest() = Latest { activity, progress: Some(now) };
    }

    pub(crate) fn activity(&self, now: Instant) -> Activity {
        let Latest { activity, progress } = *self.latest();
        let busy = activity.running > 0;
        let stalled_for = progress.filter(|_| busy).map(|progress| now.saturating_duration_since(progress));
        Activity { stalled_for, ..activity }
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
