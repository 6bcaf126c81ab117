//! Logarithms of probabilities, of the distribution as the model gave it.

use kernels::{Exponential, Isa};

use super::maxima::{LEAST_EXPONENT, Maxima, best_first};

/// What turns the logits of a row into natural logarithms of probabilities.
#[derive(Debug, Clone)]
pub struct Distribution {
    maxima: Maxima,
    /// The logarithm of the sum of all exponentials.
    log_sum: f64,
}

impl Distribution {
    pub fn new(logits: &[f32]) -> Self {
        let isa = Isa::detect();
        let maxima = Maxima::of(isa, logits);
        let most = maxima.greatest();
        let mut sums = vec![0.0; maxima.chunks().len()];
        let terms = Exponential { most, scale: 1.0, floor: most + LEAST_EXPONENT };
        kernels::sums(isa, logits, maxima.chunks(), terms, &mut sums);
        let sum: f64 = sums.into_iter().map(f64::from).sum();
        Self { maxima, log_sum: f64::from(most) + sum.ln() }
    }

    pub fn logprob(&self, logit: f32) -> f32 {
        (f64::from(logit) - self.log_sum) as f32
    }

    /// The `count` tokens with the highest of the same row's logits, best first; of equal ones the lower id first.
    pub fn top(&self, logits: &[f32], count: usize) -> Vec<u32> {
        let mut tokens = self.maxima.best(logits, count);
        tokens.sort_unstable_by(best_first(logits));
        tokens
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn probabilities_add_up_to_one(logits in prop::collection::vec(-50f32..50.0, 1..300)) {
            let distribution = Distribution::new(&logits);
            let sum: f64 = logits.iter().map(|logit| f64::from(distribution.logprob(*logit)).exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
        }

        #[test]
        fn the_top_is_the_head_of_the_sorted_list(logits in prop::collection::vec(-5f32..5.0, 1..100), count in 0usize..20) {
            let mut sorted: Vec<u32> = (0..logits.len() as u32).collect();
            sorted.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)));
            sorted.truncate(count);
            prop_assert_eq!(Distribution::new(&logits).top(&logits, count), sorted);
        }
    }
}
