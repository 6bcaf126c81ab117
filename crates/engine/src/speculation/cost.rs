//! How long a step takes, by its rows, as the steps so far show it.

use std::time::Duration;

/// What a row adds to a step, as a share of the step without it, before anything was measured: 7 % (Q8_0) to 9 % (Q4_K) for
/// TinyLlama-1.1B on two cores with AVX-512 VNNI, from 1 row to 12.
pub(super) const ROW: f64 = 0.08;
/// How much of what is known a new step leaves: machines are shared, contexts grow, and what was measured a hundred steps ago
/// is of another time.
const KEPT: f64 = 0.95;
/// So many steps with one row more or less weigh as much as the assumption above.
const ASSUMED: f64 = 2.0;
/// The same of a step without a measurement: what is measured only where it is thought to pay must not count for ever.
const KEPT_UNUSED: f64 = 0.99;
/// What has faded to less than this was of another time.
const FORGOTTEN: f64 = 0.5;
/// A step that took longer than so many times what was to be expected counts as that: it may have been interrupted. If it was
/// not, the next ones will take as long.
const BELIEVED: f64 = 1.5;

/// A straight line through the steps, by least squares with weights that fade: `seconds = base + rows · slope`.
///
/// With one number of rows there are many such lines; then it is the one whose slope is [`ROW`].
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct StepCost {
    weight: f64,
    rows: f64,
    seconds: f64,
    /// Weighted sums of squares and products about the means.
    rows_rows: f64,
    rows_seconds: f64,
}

impl StepCost {
    pub(crate) fn note(&mut self, rows: usize, took: Duration) {
        let (rows, mut seconds) = (rows as f64, took.as_secs_f64());
        if self.weight > 0.0 {
            seconds = seconds.min(BELIEVED * self.of(rows as usize));
        }
        let weight = KEPT * self.weight + 1.0;
        let (from_rows, from_seconds) = (rows - self.rows, seconds - self.seconds);
        self.rows += from_rows / weight;
        self.seconds += from_seconds / weight;
        self.rows_rows = KEPT * self.rows_rows + from_rows * (rows - self.rows);
        self.rows_seconds = KEPT * self.rows_seconds + from_rows * (seconds - self.seconds);
        self.weight = weight;
    }

    /// Nothing was measured in a step.
    pub(crate) fn fade(&mut self) {
        for sum in [&mut self.weight, &mut self.rows_rows, &mut self.rows_seconds] {
            *sum *= KEPT_UNUSED;
        }
        if self.weight < FORGOTTEN {
            *self = Self::default();
        }
    }

    /// Seconds; of no account in itself before the first step was noted.
    pub(crate) fn of(&self, rows: usize) -> f64 {
        if self.weight == 0.0 {
            return 1.0 + ROW * rows as f64;
        }
        self.seconds + self.slope() * (rows as f64 - self.rows)
    }

    /// Seconds, if any step was noted.
    pub(crate) fn measured(&self, rows: usize) -> Option<f64> {
        (self.weight > 0.0).then(|| self.of(rows))
    }

    /// Between nothing and what would make a step without rows free.
    fn slope(&self) -> f64 {
        let assumed = ROW * self.seconds / (1.0 + ROW * self.rows);
        let slope = (self.rows_seconds + ASSUMED * assumed) / (self.rows_rows + ASSUMED);
        slope.clamp(0.0, self.seconds / self.rows.max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(steps: impl IntoIterator<Item = (usize, u64)>) -> StepCost {
        let mut cost = StepCost::default();
        for (rows, milliseconds) in steps {
            cost.note(rows, Duration::from_millis(milliseconds));
        }
        cost
    }

    #[test]
    fn before_another_number_of_rows_was_seen_the_slope_is_assumed() {
        let cost = measured([(1, 108); 50]);
        assert!((cost.of(1) - 0.108).abs() < 1e-9);
        assert!((cost.of(2) - 0.116).abs() < 1e-9);
    }

    #[test]
    fn it_learns_what_rows_cost() {
        let cost = measured((0..200).map(|step| (1 + step % 8, 100 + 30 * (step as u64 % 8))));
        assert!((cost.of(1) - 0.1).abs() < 0.005, "{cost:?}");
        assert!((cost.of(8) - 0.31).abs() < 0.005, "{cost:?}");
    }

    #[test]
    fn it_follows_a_machine_that_slows_down() {
        let cost = measured((0..400).map(|step| (1 + step % 4, if step < 200 { 100 } else { 200 })));
        assert!((cost.of(2) - 0.2).abs() < 0.01, "{cost:?}");
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut cost = measured([(1, 500); 100]);
        assert!(cost.measured(1).is_some());
        let steps = (0..1000).take_while(|_| cost.measured(1).inspect(|_| cost.fade()).is_some()).count();
        assert!((100..500).contains(&steps), "{steps}");
    }

    #[test]
    fn an_interruption_does_not_upset_it() {
        let mut cost = measured([(1, 100); 100]);
        cost.note(8, Duration::from_secs(10));
        assert!(cost.of(1) < 0.12 && cost.of(2) < 0.14, "{cost:?}");
    }
}
