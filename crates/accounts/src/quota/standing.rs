//! How much is left, for the client to see.

use std::time::Duration;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of the limits on requests, the one that is nearest to its end.
    pub requests: Option<Gauge>,
    /// Of those on tokens.
    pub tokens: Option<Gauge>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    pub limit: u64,
    pub remaining: u64,
    /// Until all of it is there again.
    pub reset: Duration,
}

impl Gauge {
    /// The one that gives out first, by the share that is left.
    pub(crate) fn tighter(self, other: Option<Self>) -> Self {
        let left = |gauge: Self| u128::from(gauge.remaining);
        match other {
            Some(other) if left(other) * u128::from(self.limit) < left(self) * u128::from(other.limit) => other,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_with_the_least_left_is_shown() {
        let day = Gauge { limit: 100, remaining: 50, reset: Duration::from_secs(1) };
        let month = Gauge { limit: 1000, remaining: 400, reset: Duration::from_secs(2) };
        assert_eq!(day.tighter(Some(month)), month);
        assert_eq!(month.tighter(Some(day)), month);
        assert_eq!(day.tighter(None), day);
    }
}
