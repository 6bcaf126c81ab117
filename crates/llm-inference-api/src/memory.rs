//! How much memory each model may take, of what all of them may take together.

/// Enough for the shortest conversations: a model that leaves less to its KV cache is too large.
const LEAST_KV_CACHE: u64 = 64 << 20;

/// One model's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) kv_cache: usize,
    /// Of both, weights and KV cache.
    pub(crate) bytes: u64,
}

/// `weights` are the models' bytes. The KV caches of as many models as could be loaded at once, going by the smallest, share
/// `kv_cache` in equal parts, so that what is loaded together never takes more of it; a large model is content with what its weights
/// leave of `budget`.
pub(crate) fn shares(weights: &[u64], budget: u64, kv_cache: u64) -> Vec<Share> {
    let part = kv_cache / at_once(weights, budget.saturating_sub(kv_cache));
    let share = |weights: &u64| {
        let kv_cache = part.min(left(*weights, budget));
        Share { kv_cache: usize::try_from(kv_cache).unwrap_or(usize::MAX), bytes: weights.saturating_add(kv_cache) }
    };
    weights.iter().map(share).collect()
}

/// What weights leave to a KV cache.
pub(crate) fn left(weights: u64, budget: u64) -> u64 {
    budget.saturating_sub(weights).max(LEAST_KV_CACHE)
}

/// How many of the smallest fit into so much; one is tried in any case.
fn at_once(weights: &[u64], room: u64) -> u64 {
    let mut smallest = weights.to_vec();
    smallest.sort_unstable();
    let mut taken = 0_u64;
    let fit = smallest.iter().take_while(|weights| {
        taken = taken.saturating_add(**weights);
        taken <= room
    });
    (fit.count() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn caches(weights: &[u64], budget: u64, kv_cache: u64) -> Vec<u64> {
        shares(weights, budget, kv_cache).iter().map(|share| share.kv_cache as u64).collect()
    }

    #[test]
    fn those_that_fit_at_once_share_in_equal_parts() {
        assert_eq!(caches(&[GIB, GIB], 10 * GIB, 2 * GIB), [GIB, GIB]);
        // Only two of these are ever loaded at once.
        assert_eq!(caches(&[3 * GIB; 5], 10 * GIB, 4 * GIB), [2 * GIB; 5]);
    }

    #[test]
    fn a_large_model_takes_what_its_weights_leave() {
        assert_eq!(shares(&[9 * GIB], 10 * GIB, 4 * GIB), [Share { kv_cache: GIB as usize, bytes: 10 * GIB }]);
    }

    #[test]
    fn a_model_without_room_for_a_conversation_is_too_large() {
        assert!(shares(&[10 * GIB], 10 * GIB, 4 * GIB)[0].bytes > 10 * GIB);
        // Unless somebody wants so little.
        assert_eq!(shares(&[10 * GIB - 1024], 10 * GIB, 1024)[0].bytes, 10 * GIB);
    }

    #[test]
    fn without_a_limit_all_share() {
        assert_eq!(caches(&[GIB; 4], u64::MAX, 4 * GIB), [GIB; 4]);
    }
}
