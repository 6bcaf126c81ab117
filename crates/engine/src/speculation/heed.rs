//! How often a small model's guesses are run once they are there.
//!
//! Whether it is asked is decided by how often its guesses come true; whether they are run, by how sure it is of these. Guesses that are
//! not run have taken their time for nothing, so those that are run have to be worth that, too.

/// Weight of the newest step.
const NEWEST: f64 = 0.1;
/// What comes back with each step without guesses: now and then it is tried again.
const RECOVERY: f64 = 0.005;
/// However seldom they are run, they may be worth it one day.
const LEAST: f64 = 0.01;

/// Exponentially weighted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heed(f64);

impl Heed {
    pub(super) const ALWAYS: Self = Self(1.0);

    /// Guesses were made.
    pub(super) fn note(&mut self, run: bool) {
        self.0 += NEWEST * (f64::from(u8::from(run)) - self.0);
    }

    /// None were.
    pub(super) fn rest(&mut self) {
        self.0 += RECOVERY * (1.0 - self.0);
    }

    /// How often it is asked for each time that its guesses are run.
    pub(super) fn asked_for_one(self) -> f64 {
        1.0 / self.0.max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_run_is_soon_too_dear_and_later_tried_again() {
        let mut heed = Heed::ALWAYS;
        (0..20).for_each(|_| heed.note(false));
        let given_up = heed.asked_for_one();
        (0..200).for_each(|_| heed.rest());
        let tried_again = heed.asked_for_one();
        assert!(given_up > 4.0 && (1.0..2.0).contains(&tried_again), "{given_up} {tried_again}");
    }

    #[test]
    fn what_is_run_every_other_time_costs_twice() {
        let mut heed = Heed::ALWAYS;
        (0..100).for_each(|step| heed.note(step % 2 == 0));
        assert!((1.7..2.3).contains(&heed.asked_for_one()), "{heed:?}");
    }
}
