//! What attention over some positions gives a row: the greatest score, the sum of e^(score − greatest), and the values weighted
//! by those, not yet divided by the sum.

use crate::lanes::{LANES, Lanes, exp, load, store};

/// How a part lies in memory: the weighted values in whole vectors, and behind them the sum and the greatest score.
pub(super) struct Part;

impl Part {
    /// Floats of a part, whole vectors.
    pub(super) const fn length(head_dim: usize) -> usize {
        head_dim.next_multiple_of(LANES) + LANES
    }

    /// Where the sum is; zero of a row that sees none of the positions.
    pub(super) const fn sum(length: usize) -> usize {
        length - LANES
    }

    pub(super) const fn greatest(length: usize) -> usize {
        length - LANES + 1
    }
}

/// Adds the part of further positions to that of those before.
///
/// # Safety
/// Both are whole parts, and the machine has the instructions.
#[inline(always)]
pub(super) unsafe fn merge<L: Lanes>(merged: &mut [f32], part: &[f32]) {
    let (sum, greatest) = (Part::sum(part.len()), Part::greatest(part.len()));
    if part[sum] <= 0.0 {
        return;
    }
    if merged[sum] <= 0.0 {
        return merged.copy_from_slice(part);
    }
    // SAFETY: `load` and `store` keep to the slices; the caller vouches for the instructions.
    unsafe {
        let most = merged[greatest].max(part[greatest]);
        let old = exp::<L>(L::splat(merged[greatest] - most));
        let new = exp::<L>(L::splat(part[greatest] - most));
        // The sum lies behind the values, so it is merged with them; what follows it is written again below.
        for at in (0..=sum).step_by(LANES) {
            let value = L::fma(load::<L>(&part[at..], LANES), new, L::mul(load::<L>(&merged[at..], LANES), old));
            store::<L>(&mut merged[at..], LANES, value);
        }
        merged[greatest] = most;
    }
}

/// The result for a row: the weighted values over the sum of the weights.
///
/// # Safety
/// `merged` is a whole part of a row of `out.len()`, and the machine has the instructions.
#[inline(always)]
pub(super) unsafe fn finish<L: Lanes>(merged: &[f32], out: &mut [f32]) {
    // SAFETY: `load` and `store` keep to the slices; the caller vouches for the instructions.
    unsafe {
        let share = L::splat(1.0 / merged[Part::sum(merged.len())]);
        for at in (0..out.len()).step_by(LANES) {
            let count = (out.len() - at).min(LANES);
            store::<L>(&mut out[at..], count, L::mul(load::<L>(&merged[at..], LANES), share));
        }
    }
}
