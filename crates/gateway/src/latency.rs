//! How long a server takes to begin an answer, as a peak-sensitive moving average: a slow answer counts at once, and is forgotten
//! over the next seconds. (Finagle's and linkerd's "peak EWMA".)

use std::time::Duration;

use tokio::time::Instant;

/// In this time, what was is worth a third.
const MEMORY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    seconds: f64,
    at: Option<Instant>,
}

impl Default for Latency {
    fn default() -> Self {
        Self { seconds: 0.0, at: None }
    }
}

impl Latency {
    pub(crate) fn observe(&mut self, took: Duration, now: Instant) {
        let (took, old) = (took.as_secs_f64(), self.share_of_old(now));
        self.seconds = if took > self.seconds { took } else { self.seconds * old + took * (1.0 - old) };
        self.at = Some(now);
    }

    /// Somebody has waited so long for an answer, and then no longer: it takes at least that.
    pub(crate) fn at_least(&mut self, waited: Duration, now: Instant) {
        if waited.as_secs_f64() > self.seconds(now) {
            self.observe(waited, now);
        }
    }

    /// In seconds. A server that nobody asks is slowly forgiven, so that somebody asks it again.
    pub(crate) fn seconds(&self, now: Instant) -> f64 {
        self.seconds * self.share_of_old(now)
    }

    fn share_of_old(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        (-age.as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_counts_at_once_and_is_forgotten_slowly() {
        let start = Instant::now();
        let mut latency = Latency::default();
        latency.observe(Duration::from_millis(10), start);
        latency.observe(Duration::from_secs(1), start);
        assert!((latency.seconds(start) - 1.0).abs() < 1e-9);
        latency.observe(Duration::from_millis(10), start + Duration::from_secs(1));
        let after = latency.seconds(start + Duration::from_secs(1));
        assert!((0.8..1.0).contains(&after), "{after}");
        assert!(latency.seconds(start + Duration::from_mins(2)) < 1e-4);
    }

    #[test]
    fn whoever_has_not_waited_to_the_end_tells_only_that_it_takes_longer() {
        let now = Instant::now();
        let mut latency = Latency::default();
        latency.observe(Duration::from_millis(100), now);
        latency.at_least(Duration::from_millis(10), now);
        assert!((latency.seconds(now) - 0.1).abs() < 1e-9);
        latency.at_least(Duration::from_secs(2), now);
        assert!((latency.seconds(now) - 2.0).abs() < 1e-9);
    }
}
