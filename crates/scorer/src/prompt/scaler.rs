//! Features brought to one scale: mean 0 and spread 1 over the prompts that were trained on.
//!
//! It is part of what is saved. A scaler fitted anew on the prompts of a request would make a score depend on them.

use serde::{Deserialize, Serialize};

/// So far from the mean at most: one prompt of a million characters must not outshout all else. The same in training.
const FARTHEST: f32 = 4.0;

/// f32, because its shortest decimal form comes back from JSON as the same number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaler {
    mean: Vec<f32>,
    spread: Vec<f32>,
}

impl Scaler {
    /// `rows` are as long as each other. A column that never varies gets the spread 1, and so says nothing.
    pub fn fit(rows: &[&[f32]]) -> Self {
        let count = rows.len().max(1) as f64;
        let width = rows.first().map_or(0, |row| row.len());
        let column = |at: usize| rows.iter().map(move |row| f64::from(row[at]));
        let mean: Vec<f64> = (0..width).map(|at| column(at).sum::<f64>() / count).collect();
        let spread = (0..width).map(|at| (column(at).map(|value| (value - mean[at]).powi(2)).sum::<f64>() / count).sqrt());
        let spread = spread.map(|spread| if spread > 1e-6 { spread as f32 } else { 1.0 }).collect();
        Self { mean: mean.iter().map(|mean| *mean as f32).collect(), spread }
    }

    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Whether it could have been fitted: as many means as spreads, all finite, no spread 0.
    pub fn is_sound(&self) -> bool {
        let finite = self.mean.iter().chain(&self.spread).all(|value| value.is_finite());
        finite && self.mean.len() == self.spread.len() && self.spread.iter().all(|spread| *spread > 0.0)
    }

    pub fn scale(&self, row: &mut [f32]) {
        for (value, (mean, spread)) in row.iter_mut().zip(self.mean.iter().zip(&self.spread)) {
            *value = ((*value - mean) / spread).clamp(-FARTHEST, FARTHEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fitted(rows: &[Vec<f32>]) -> Scaler {
        Scaler::fit(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_fitted_has_mean_zero_and_spread_one() {
        let scaler = fitted(&[vec![1.0, 7.0], vec![3.0, 7.0]]);
        let mut row = vec![3.0, 7.0];
        scaler.scale(&mut row);
        assert_eq!(row, [1.0, 0.0]);
    }

    #[test]
    fn one_outlier_is_held_in() {
        let mut row = vec![1e9];
        fitted(&[vec![0.0], vec![1.0]]).scale(&mut row);
        assert_eq!(row, [FARTHEST]);
    }

    proptest! {
        #[test]
        fn it_comes_back_from_its_file_to_the_bit(rows in prop::collection::vec(prop::collection::vec(-1e6_f32..1e6, 3), 1..9)) {
            let scaler = fitted(&rows);
            let read: Scaler = serde_json::from_str(&serde_json::to_string(&scaler).unwrap()).unwrap();
            prop_assert!(scaler.is_sound());
            prop_assert_eq!(read, scaler);
        }
    }
}
