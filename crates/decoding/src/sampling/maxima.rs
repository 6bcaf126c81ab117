//! The greatest logits of a row.

use std::cmp::Ordering;

use kernels::{CHUNK, Isa};

/// What is further below the greatest logit counts as impossible: 150,000 such tokens have a share of 10⁻³².
pub(super) const LEAST_EXPONENT: f32 = -87.0;

/// The greatest logit of each chunk of a row. They tell which chunks need not be looked at again.
#[derive(Debug, Clone, Default)]
pub(super) struct Maxima(Vec<f32>);

impl Maxima {
    pub(super) fn of(isa: Isa, logits: &[f32]) -> Self {
        let mut maxima = Self::default();
        maxima.find(isa, logits);
        maxima
    }

    pub(super) fn find(&mut self, isa: Isa, logits: &[f32]) {
        self.0.resize(logits.len().div_ceil(CHUNK), 0.0);
        kernels::maxima(isa, logits, &mut self.0);
    }

    pub(super) fn chunks(&self) -> &[f32] {
        &self.0
    }

    /// −∞ if there is no number in the row.
    pub(super) fn greatest(&self) -> f32 {
        self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// Of equally likely tokens the one with the lowest id, as transformers and llama.cpp choose.
    #[expect(clippy::float_cmp, reason = "the largest value is one of them")]
    pub(super) fn most_likely(&self, logits: &[f32]) -> u32 {
        let greatest = self.greatest();
        let Some(chunk) = self.0.iter().position(|maximum| *maximum == greatest) else { return 0 };
        let start = chunk * CHUNK;
        let within = logits[start..].iter().position(|logit| *logit == greatest);
        (start + within.unwrap_or(0)) as u32
    }

    /// The `count` tokens with the highest logits, in no order; of equal ones the lower ids. What is not a number is left out.
    pub(super) fn best(&self, logits: &[f32], count: usize) -> Vec<u32> {
        if count == 0 {
            return Vec::new();
        }
        let mut tokens = self.at_least(logits, self.reached_by(logits, count));
        if count < tokens.len() {
            tokens.select_nth_unstable_by(count - 1, best_first(logits));
            tokens.truncate(count);
        }
        tokens
    }

    /// A value that at least `count` logits reach, if so many are numbers. As many chunks have one that does; if there are not
    /// so many chunks, it is found among all logits, which takes ten times as long.
    fn reached_by(&self, logits: &[f32], count: usize) -> f32 {
        let mut values: Vec<_> = if count <= self.0.len() { &self.0 } else { logits }.to_vec();
        values.retain(|value| !value.is_nan());
        if count > values.len() {
            return f32::NEG_INFINITY;
        }
        *values.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a)).1
    }

    fn at_least(&self, logits: &[f32], floor: f32) -> Vec<u32> {
        let chunks = self.0.iter().zip(logits.chunks(CHUNK)).enumerate().filter(|(_, (maximum, _))| **maximum >= floor);
        let mut tokens = Vec::new();
        for (chunk, (_, logits)) in chunks {
            let reaching = logits.iter().enumerate().filter(|(_, logit)| **logit >= floor);
            tokens.extend(reaching.map(|(index, _)| (chunk * CHUNK + index) as u32));
        }
        tokens
    }
}

/// The order of tokens from the most to the least likely; of equally likely ones the lower id comes first.
pub(super) fn best_first(logits: &[f32]) -> impl Fn(&u32, &u32) -> Ordering {
    // Both zeros are equal; what is not a number is nowhere in an order.
    |a, b| logits[*b as usize].partial_cmp(&logits[*a as usize]).unwrap_or(Ordering::Equal).then(a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_the_head_of_the_sorted_list(
            // Few values, so that many are equal; lengths on both sides of as many chunks as tokens.
            logits in prop_oneof![prop::collection::vec(-5i8..5, 1..100), prop::collection::vec(-100i8..100, 5000..6000)],
            count in 0usize..60,
        ) {
            let logits: Vec<_> = logits.into_iter().map(f32::from).collect();
            let mut sorted: Vec<u32> = (0..logits.len() as u32).collect();
            sorted.sort_by(best_first(&logits));
            let maxima = Maxima::of(Isa::detect(), &logits);
            prop_assert_eq!(maxima.most_likely(&logits), sorted[0]);
            sorted.truncate(count);
            let mut found = maxima.best(&logits, count);
            found.sort_by(best_first(&logits));
            prop_assert_eq!(found, sorted);
        }
    }
}
