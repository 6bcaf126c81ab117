//! How often guesses come true, for each kind of guess apart.

/// Kinds of guesses: what makes one likelier than another depends on where it comes from.
pub(super) const KINDS: usize = 5;

/// Weight of the newest guess: after some ten tokens of another sort of text the odds are another's too.
pub(super) const NEWEST: f32 = 0.15;

/// The odds of one sequence's guesses, exponentially weighted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    each: [f32; KINDS],
}

impl Odds {
    /// Before anything is known.
    pub(super) const fn new(each: [f32; KINDS]) -> Self {
        Self { each }
    }

    /// From 0 to 1.
    pub(super) fn of(&self, kind: u8) -> f32 {
        self.each[usize::from(kind)]
    }

    pub(super) fn note(&mut self, kind: u8, came_true: bool) {
        let odds = &mut self.each[usize::from(kind)];
        *odds += NEWEST * (f32::from(u8::from(came_true)) - *odds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_what_happens_to_each_kind() {
        let mut odds = Odds::new([0.5; KINDS]);
        for _ in 0..40 {
            odds.note(0, true);
            odds.note(1, false);
        }
        assert!(odds.of(0) > 0.99 && odds.of(1) < 0.01 && (odds.of(2) - 0.5).abs() < f32::EPSILON);
    }
}
