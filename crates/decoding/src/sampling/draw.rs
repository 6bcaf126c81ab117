//! Drawing from what is left of a distribution after min-p, top-k and top-p.
//!
//! Nothing is sorted. Each cut-off leaves the beginning of the order from the most to the least likely token, so all of them
//! come to a [`Bound`]. Where top-p puts it need not be known: a token is drawn from what the others leave, and is within top-p
//! if the tokens before it are less than the share; if not, the next one is drawn from those before it. That is the same
//! distribution (rejection sampling), and takes one or two passes over the row, few of whose chunks reach the bound.

use kernels::{CHUNK, Exponential, Isa};

use super::maxima::{LEAST_EXPONENT, Maxima, best_first};

/// Cut-offs, in the order in which they are applied (vLLM's): min-p, top-k, top-p. Each looks at the distribution that the
/// one before left over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutoffs {
    /// 0: none.
    pub(super) min_p: f32,
    /// The vocabulary's size or more: none.
    pub(super) top_k: usize,
    /// 1: none.
    pub(super) top_p: f32,
}

/// The beginning of the order from the most to the least likely token: tokens above `logit`, and those with exactly this
/// one whose id is below `ties`.
#[derive(Debug, Clone, Copy)]
struct Bound {
    logit: f32,
    ties: usize,
}

/// Draws tokens, with buffers that stay.
#[derive(Debug)]
pub(super) struct Draw {
    isa: Isa,
    maxima: Maxima,
    /// The sums of the weights within the bound, chunk by chunk.
    sums: Vec<f32>,
    /// The weights of one chunk.
    weights: [f32; CHUNK],
}

/// What a row is drawn from: the logits, and what makes weights of them.
#[derive(Clone, Copy)]
struct Row<'a> {
    logits: &'a [f32],
    most: f32,
    scale: f32,
}

impl Draw {
    pub(super) fn new() -> Self {
        Self { isa: Isa::detect(), maxima: Maxima::default(), sums: Vec::new(), weights: [0.0; CHUNK] }
    }

    pub(super) fn most_likely(&mut self, logits: &[f32]) -> u32 {
        self.maxima.find(self.isa, logits);
        self.maxima.most_likely(logits)
    }

    /// A token drawn from the distribution softmax(`logits` · `scale`) as the cut-offs leave it. Each number that `chance`
    /// gives is uniform in [0, 1); how many are taken depends on the logits.
    pub(super) fn draw(&mut self, logits: &[f32], scale: f32, cutoffs: Cutoffs, mut chance: impl FnMut() -> f64) -> u32 {
        self.maxima.find(self.isa, logits);
        let row = Row { logits, most: self.maxima.greatest(), scale };
        let mut bound = self.bound(row, cutoffs);
        let mut total = self.weigh(row, bound);
        let share = f64::from(cutoffs.top_p) * total;
        loop {
            // Only logits that are no numbers leave no token.
            let Some(token) = self.pick(row, bound, chance() * total) else { return 0 };
            if cutoffs.top_p >= 1.0 {
                return token as u32;
            }
            // The tokens before this one: if they do not come to the share, it is within.
            bound = Bound { logit: logits[token], ties: token };
            total = self.weigh(row, bound);
            if total < share || total <= 0.0 {
                return token as u32;
            }
        }
    }

    /// What min-p and top-k leave.
    fn bound(&self, row: Row<'_>, cutoffs: Cutoffs) -> Bound {
        let Row { logits, most, scale } = row;
        // In logits, min-p is a distance from the most likely token.
        let distance = if cutoffs.min_p > 0.0 { cutoffs.min_p.ln().max(LEAST_EXPONENT) } else { LEAST_EXPONENT };
        let floor = Bound { logit: most + distance / scale, ties: logits.len() };
        if cutoffs.top_k >= logits.len() {
            return floor;
        }
        let best = self.maxima.best(logits, cutoffs.top_k);
        match best.into_iter().max_by(best_first(logits)) {
            Some(last) if logits[last as usize] >= floor.logit => {
                Bound { logit: logits[last as usize], ties: last as usize + 1 }
            }
            _ => floor,
        }
    }

    /// Sums the weights of the tokens within the bound.
    fn weigh(&mut self, row: Row<'_>, bound: Bound) -> f64 {
        let Row { logits, .. } = row;
        self.sums.resize(self.maxima.chunks().len(), 0.0);
        // Before `ties` what equals the bound counts, behind it does not; it may be in the middle of a chunk.
        let chunk = bound.ties.min(logits.len()) / CHUNK;
        let (before, behind) = logits.split_at(chunk * CHUNK);
        let (maxima_before, maxima_behind) = self.maxima.chunks().split_at(chunk);
        let (sums_before, sums_behind) = self.sums.split_at_mut(chunk);
        let (with, without) = (row.terms(bound.logit), row.terms(bound.logit.next_up()));
        kernels::sums(self.isa, before, maxima_before, with, sums_before);
        kernels::sums(self.isa, behind, maxima_behind, without, sums_behind);
        if chunk < self.sums.len() {
            self.sums[chunk] = self.weights(row, bound, chunk).iter().sum();
        }
        self.sums.iter().map(|sum| f64::from(*sum)).sum()
    }

    /// The weights of the tokens of a chunk, zero outside the bound.
    fn weights(&mut self, row: Row<'_>, bound: Bound, chunk: usize) -> &[f32] {
        let start = chunk * CHUNK;
        let logits = &row.logits[start..row.logits.len().min(start + CHUNK)];
        let (before, behind) = logits.split_at(bound.ties.saturating_sub(start).min(logits.len()));
        let weights = &mut self.weights[..logits.len()];
        let (weights_before, weights_behind) = weights.split_at_mut(before.len());
        kernels::exponentials(self.isa, before, row.terms(bound.logit), weights_before);
        kernels::exponentials(self.isa, behind, row.terms(bound.logit.next_up()), weights_behind);
        weights
    }

    /// The token into whose share of the sums `rest` falls.
    fn pick(&mut self, row: Row<'_>, bound: Bound, rest: f64) -> Option<usize> {
        let (chunk, rest) = find(&self.sums, rest)?;
        let (index, _) = find(self.weights(row, bound, chunk), rest)?;
        Some(chunk * CHUNK + index)
    }
}

impl Row<'_> {
    fn terms(self, floor: f32) -> Exponential {
        Exponential { most: self.most, scale: self.scale, floor }
    }
}

/// The index of the weight into which `rest` falls, and how far; the last that is not zero for a crumb that rounding leaves.
fn find(weights: &[f32], mut rest: f64) -> Option<(usize, f64)> {
    let mut last = None;
    for (index, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        last = Some((index, rest));
        if rest < f64::from(weight) {
            break;
        }
        rest -= f64::from(weight);
    }
    last
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Cutoffs = Cutoffs { min_p: 0.0, top_k: usize::MAX, top_p: 1.0 };

    fn draw(logits: &[f32], cutoffs: Cutoffs, chance: f64) -> u32 {
        Draw::new().draw(logits, 1.0, cutoffs, || chance)
    }

    /// What the definition of the cut-offs says, on a sorted list.
    fn allowed(logits: &[f32], cutoffs: Cutoffs) -> Vec<u32> {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut tokens: Vec<u32> = (0..logits.len() as u32).collect();
        tokens.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)));
        tokens.retain(|token| cutoffs.min_p == 0.0 || logits[*token as usize] >= most + cutoffs.min_p.ln());
        tokens.truncate(cutoffs.top_k);
        let total: f64 = tokens.iter().map(|token| f64::from(logits[*token as usize] - most).exp()).sum();
        let mut sum = 0.0;
        let mut kept = Vec::new();
        for token in tokens {
            kept.push(token);
            sum += f64::from(logits[token as usize] - most).exp();
            if cutoffs.top_p < 1.0 && sum >= f64::from(cutoffs.top_p) * total {
                break;
            }
        }
        kept
    }

    proptest! {
        #[test]
        fn only_allowed_tokens_are_drawn(
            logits in prop::collection::vec(-10f32..10.0, 1..900),
            min_p in prop_oneof![Just(0f32), 0.001f32..0.9],
            top_k in prop_oneof![Just(usize::MAX), 1usize..50],
            top_p in prop_oneof![Just(1f32), 0.01f32..0.999],
            chance in 0f64..1.0,
        ) {
            let cutoffs = Cutoffs { min_p, top_k, top_p };
            let token = draw(&logits, cutoffs, chance);
            prop_assert!(allowed(&logits, cutoffs).contains(&token));
        }

        #[test]
        fn every_allowed_token_is_drawn_as_often_as_it_is_likely(
            // Whole numbers, so that several are equal.
            logits in prop::collection::vec(-2i8..3, 1..12),
            spread in 1usize..200,
            min_p in prop_oneof![Just(0f32), 0.01f32..0.9],
            top_k in prop_oneof![Just(usize::MAX), 1usize..12],
            top_p in prop_oneof![Just(1f32), 0.05f32..0.95],
        ) {
            // Over several chunks, with tokens between that are never drawn.
            let mut row = vec![f32::NEG_INFINITY; logits.len() * spread];
            for (index, &logit) in logits.iter().enumerate() {
                row[index * spread] = f32::from(logit);
            }
            let cutoffs = Cutoffs { min_p, top_k, top_p };
            let allowed = allowed(&row, cutoffs);
            let likely = |token: u32| f64::from(row[token as usize]).exp();
            let total: f64 = allowed.iter().map(|token| likely(*token)).sum();
            let mut state = 1u64;
            let mut chance = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64
            };
            let mut draw = Draw::new();
            let drawn: Vec<_> = (0..4000).map(|_| draw.draw(&row, 1.0, cutoffs, &mut chance)).collect();
            for token in allowed {
                let (count, share) = (drawn.iter().filter(|drawn| **drawn == token).count(), likely(token) / total);
                // Five standard deviations, and what is one too many among few.
                let tolerance = 5.0 * (4000.0 * share * (1.0 - share)).sqrt() + 2.0;
                prop_assert!((count as f64 - 4000.0 * share).abs() <= tolerance, "{token}: {count}, not {}", 4000.0 * share);
            }
        }

        #[test]
        fn top_k_of_one_is_greedy(logits in prop::collection::vec(-10f32..10.0, 1..50), chance in 0f64..1.0) {
            let token = draw(&logits, Cutoffs { top_k: 1, ..NONE }, chance);
            prop_assert_eq!(vec![token], allowed(&logits, Cutoffs { top_k: 1, ..NONE }));
        }
    }

    #[test]
    fn shares_follow_the_probabilities() {
        let logits = [0f32.exp().ln(), 3f32.ln()]; // 1 : 3
        let drawn = (0..1000).filter(|step| draw(&logits, NONE, f64::from(*step) / 1000.0) == 1).count();
        assert_eq!(drawn, 750);
    }

    #[test]
    fn of_many_equal_tokens_top_p_leaves_the_first() {
        let logits = vec![0f32; 2000];
        let half = Cutoffs { top_p: 0.5, ..NONE };
        assert!((0..1000).all(|step| draw(&logits, half, f64::from(step) / 1000.0) < 1000));
    }
}
