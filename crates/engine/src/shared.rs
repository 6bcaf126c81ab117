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
    /// Of the step that is being computed.
    step_began: Option<Instant>,
}

impl Shared {
    pub(crate) fn begin_step(&self, now: Instant) {
        self.latest().step_began = Some(now);
    }

    /// What goes on after a step.
    pub(crate) fn publish(&self, activity: Activity) {
        *self.latest() = Latest { activity, step_began: None };
    }

    pub(crate) fn activity(&self, now: Instant) -> Activity {
        let Latest { activity, step_began } = *self.latest();
        let stalled_for = step_began.map(|began| now.saturating_duration_since(began));
        // The gauge is told with a step; while there is none, nothing is generated.
        let idle = activity.running == 0 && step_began.is_none();
        let tokens_per_second = if idle { 0.0 } else { activity.tokens_per_second };
        Activity { stalled_for, tokens_per_second, ..activity }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these numbers are exact")]
    fn an_idle_engine_generates_nothing() {
        let shared = Shared::default();
        shared.publish(Activity { running: 1, tokens_per_second: 40.0, ..Activity::default() });
        assert_eq!(shared.activity(Instant::now()).tokens_per_second, 40.0);
        shared.publish(Activity { running: 0, tokens_per_second: 40.0, ..Activity::default() });
        assert_eq!(shared.activity(Instant::now()).tokens_per_second, 0.0);
    }

    #[test]
    fn a_step_that_does_not_end_shows_from_the_first_on() {
        let (shared, began) = (Shared::default(), Instant::now());
        let stalled_for = |seconds| shared.activity(began + Duration::from_secs(seconds)).stalled_for;
        assert_eq!(stalled_for(0), None);
        shared.begin_step(began);
        assert_eq!(stalled_for(90), Some(Duration::from_secs(90)));
        shared.publish(Activity { running: 1, ..Activity::default() });
        assert_eq!(stalled_for(90), None, "between two steps nothing can hang");
    }
}
