//! The logistic model that all scorers share: a difference of scores is the logarithm of the odds to win.

pub(crate) fn probability(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Cross entropy between what was to be expected and what happened (`credit`, 0 to 1), without overflow.
pub(crate) fn loss(log_odds: f32, credit: f32) -> f32 {
    log_odds.max(0.0) - log_odds * credit + (-log_odds.abs()).exp().ln_1p()
}
