//! Logarithms of probabilities, of the distribution as the model gave it.

/// What turns a logit into a natural logarithm of its probability: the logarithm of the sum of all exponentials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distribution {
    log_sum: f64,
}

impl Distribution {
    pub(crate) fn new(logits: &[f32]) -> Self {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
        Self { log_sum: f64::from(most) + sum.ln() }
    }

    pub(crate) fn logprob(self, logit: f32) -> f32 {
        (f64::from(logit) - self.log_sum) as f32
    }
}

/// The `count` tokens with the highest logits, best first; of equal ones the lower id first.
pub(crate) fn top(logits: &[f32], count: usize) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let mut tokens: Vec<u32> = (0..logits.len() as u32).collect();
    let best_first = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let count = count.min(tokens.len());
    if count < tokens.len() {
        tokens.select_nth_unstable_by(count - 1, best_first);
    }
    tokens.truncate(count);
    tokens.sort_unstable_by(best_first);
    tokens
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
            prop_assert_eq!(top(&logits, count), sorted);
        }
    }
}
