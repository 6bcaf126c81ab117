//! Do probabilities mean what they say? (Expected calibration error, Guo et al. 2017, in ten bins.)

use super::{Predictions, predicted};
use crate::data::Example;
use crate::logistic;

const BINS: usize = 10;

/// The mean distance between what was to be expected and what happened, over predictions that were alike. A comparison
/// counts from both sides, so that it does not matter which model a file names first.
pub(super) fn error(predictions: &Predictions, examples: &[Example]) -> Option<f64> {
    let mut bins = [(0.0, 0.0); BINS];
    let mut count = 0;
    let mut add = |expected: f64, credit: f64| {
        let bin = &mut bins[((expected * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + expected, bin.1 + credit);
        count += 1;
    };
    for example in examples {
        let expected = f64::from(logistic::probability(predicted(predictions, example)));
        add(expected, f64::from(example.credit));
        if example.rival.is_some() {
            add(1.0 - expected, 1.0 - f64::from(example.credit));
        }
    }
    let distance: f64 = bins.iter().map(|(expected, credit)| (expected - credit).abs()).sum();
    (count > 0).then(|| distance / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_how_far_promises_are_from_what_happens() {
        let examples: Vec<_> =
            (0..10).map(|at| Example { prompt: 0, model: 0, rival: None, credit: f32::from(at < 6), cost: None }).collect();
        let promised = |probability: f32| vec![vec![(probability / (1.0 - probability)).ln()]];
        let error = |probability| error(&promised(probability), &examples).unwrap();
        assert!(error(0.6) < 1e-6);
        assert!((error(0.9) - 0.3).abs() < 1e-6);
    }
}
