//! Drawing from what is left of a distribution after min-p, top-k and top-p.

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

/// How many candidates top-p looks at first. Nearly always enough; if not, four times as many are looked at.
const FIRST_LOOK: usize = 256;

/// Draws a token; `chance` is uniform in [0, 1). `logits` are divided by the temperature already.
pub(super) fn draw(logits: &[f32], cutoffs: Cutoffs, chance: f64) -> u32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // In logits, min-p is a distance from the most likely token.
    let floor = if cutoffs.min_p > 0.0 { most + cutoffs.min_p.ln() } else { f32::NEG_INFINITY };
    if cutoffs.top_k >= logits.len() && cutoffs.top_p >= 1.0 {
        let weights = logits.iter().map(|logit| weight(*logit, most, floor));
        return pick(weights, chance) as u32;
    }
    let candidates = nucleus(logits, most, floor, cutoffs);
    let chosen = pick(candidates.iter().map(|token| weight(logits[*token as usize], most, floor)), chance);
    // Only logits that are no numbers leave no candidate.
    candidates.get(chosen).copied().unwrap_or(0)
}

fn weight(logit: f32, most: f32, floor: f32) -> f64 {
    if logit >= floor { f64::from(logit - most).exp() } else { 0.0 }
}

/// The tokens that top-k and top-p leave, best first.
fn nucleus(logits: &[f32], most: f32, floor: f32, cutoffs: Cutoffs) -> Vec<u32> {
    let mut tokens: Vec<u32> = (0..logits.len() as u32).filter(|token| logits[*token as usize] >= floor).collect();
    let best_first = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let kept = cutoffs.top_k.clamp(1, tokens.len().max(1));
    if kept < tokens.len() {
        tokens.select_nth_unstable_by(kept - 1, best_first);
        tokens.truncate(kept);
    }
    if cutoffs.top_p >= 1.0 {
        tokens.sort_unstable_by(best_first);
        return tokens;
    }
    let mass = |tokens: &[u32]| -> f64 { tokens.iter().map(|token| weight(logits[*token as usize], most, floor)).sum() };
    let target = f64::from(cutoffs.top_p) * mass(&tokens);
    let mut look = FIRST_LOOK;
    loop {
        let head = look.min(tokens.len());
        if head < tokens.len() {
            tokens.select_nth_unstable_by(head - 1, best_first);
        }
        tokens[..head].sort_unstable_by(best_first);
        let mut sum = 0.0;
        let reached = tokens[..head].iter().position(|token| {
            sum += weight(logits[*token as usize], most, floor);
            sum >= target
        });
        match reached {
            Some(last) => tokens.truncate(last + 1),
            None if head < tokens.len() => {
                look *= 4;
                continue;
            }
            None => {}
        }
        return tokens;
    }
}

/// The index whose share of the sum of weights `chance` falls into.
fn pick(weights: impl Iterator<Item = f64> + Clone, chance: f64) -> usize {
    let mut rest = chance * weights.clone().sum::<f64>();
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        if weight > 0.0 {
            last = index;
            if rest < weight {
                return index;
            }
            rest -= weight;
        }
    }
    // Rounding can leave a crumb of `rest` behind the last weight.
    last
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Cutoffs = Cutoffs { min_p: 0.0, top_k: usize::MAX, top_p: 1.0 };

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
    fn a_long_tail_beyond_the_first_look_is_reached() {
        let logits = vec![0f32; 2000];
        assert_eq!(nucleus(&logits, 0.0, f32::NEG_INFINITY, Cutoffs { top_p: 0.5, ..NONE }).len(), 1000);
    }
}
