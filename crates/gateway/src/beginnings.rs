//! How long answers took to begin, for whoever watches: in buckets, as a histogram has them.

use std::time::Duration;

use backend::Durations;
use telemetry::TIME_TO_FIRST_TOKEN;

#[derive(Debug)]
pub(crate) struct Beginnings(Durations);

impl Default for Beginnings {
    fn default() -> Self {
        let bounds = TIME_TO_FIRST_TOKEN.into_iter().chain([f64::INFINITY]);
        Self(Durations { seconds: 0.0, buckets: bounds.map(|bound| (bound, 0)).collect() })
    }
}

impl Beginnings {
    pub(crate) fn observe(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.0.seconds += took;
        if let Some((_, count)) = self.0.buckets.iter_mut().find(|(bound, _)| took <= *bound) {
            *count += 1;
        }
    }

    pub(crate) fn reading(&self) -> Durations {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_in_the_first_bucket_that_holds_it() {
        let mut beginnings = Beginnings::default();
        for milliseconds in [1, 2, 5, 700, 3_600_000] {
            beginnings.observe(Duration::from_millis(milliseconds));
        }
        let reading = beginnings.reading();
        let filled: Vec<_> = reading.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(0.001, 1), (0.005, 2), (0.75, 1), (f64::INFINITY, 1)]);
        assert_eq!(reading.count(), 5);
        assert!((reading.seconds - 3600.708).abs() < 1e-9);
    }
}
