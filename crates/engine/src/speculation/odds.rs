//! How often guesses come true, for each kind of guess apart: in one sequence, and in all there were.

/// By the length of the match that a guess continues: 2, 3, 4 to 7, 8 to 15, more. Before anything has shown what they are worth,
/// these are cautious, for a wrong guess costs more than a missed one.
const OF_TEXT: [f32; KINDS] = [0.25, 0.4, 0.6, 0.8, 0.9];
/// By what the small model gives its guess: a fifth each.
const OF_MODEL: [f32; KINDS] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// How often guesses come true that are yet to be made, before anything has shown it; and the most that is thought of those that were
/// not made for long.
const HOPE: f32 = 0.6;
const MOST_HOPE: f32 = 0.9;

/// Kinds of guesses: what makes one likelier than another depends on where it comes from.
pub(super) const KINDS: usize = 5;

/// Weight of the newest guess: after some ten tokens of another sort of text the odds are another's too.
const NEWEST: f32 = 0.15;
/// Its weight among those of all sequences: the last hundred and forty are half of it.
const NEWEST_OF_ALL: f32 = 0.005;
/// How much hope comes back with each token, or step, for which nothing was guessed: now and then it is tried again.
const RECOVERY: f32 = 0.002;

/// The odds of guesses, exponentially weighted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    each: [f32; KINDS],
    /// Of those that were run, whatever their kind.
    hope: f32,
    newest: f32,
}

impl Odds {
    /// Of guesses from the text, in all sequences, of which there was none yet.
    pub(crate) const fn of_text() -> Self {
        Self { each: OF_TEXT, hope: HOPE, newest: NEWEST_OF_ALL }
    }

    /// The same of a small model's guesses.
    pub(crate) const fn of_model() -> Self {
        Self { each: OF_MODEL, hope: HOPE, newest: NEWEST_OF_ALL }
    }

    /// Where a new sequence begins: as those before it were.
    pub(super) const fn of_one(self) -> Self {
        Self { newest: NEWEST, ..self }
    }

    /// Of a guess that is yet to be made.
    pub(super) const fn hope(&self) -> f32 {
        self.hope
    }

    /// From 0 to 1.
    pub(super) fn of(&self, kind: u8) -> f32 {
        self.each[usize::from(kind)]
    }

    /// What became of a guess, which is known whether it was run or not.
    pub(super) fn note(&mut self, kind: u8, came_true: bool, run: bool) {
        let came_true = f32::from(u8::from(came_true));
        let odds = &mut self.each[usize::from(kind)];
        *odds += self.newest * (came_true - *odds);
        if run {
            self.hope += self.newest * (came_true - self.hope);
        }
    }

    /// Nothing was guessed.
    pub(crate) fn recover(&mut self) {
        self.hope += RECOVERY * (MOST_HOPE - self.hope).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_what_happens_to_each_kind() {
        let mut odds = Odds::of_model().of_one();
        for _ in 0..40 {
            odds.note(0, true, true);
            odds.note(1, false, true);
        }
        assert!(odds.of(0) > 0.99 && odds.of(1) < 0.01 && (odds.of(2) - 0.5).abs() < f32::EPSILON);
    }

    #[test]
    fn those_of_all_sequences_follow_more_slowly() {
        let (mut all, mut one) = (Odds::of_model(), Odds::of_model().of_one());
        for _ in 0..10 {
            all.note(0, true, true);
            one.note(0, true, true);
        }
        assert!(all.of(0) < 0.3 && one.of(0) > 0.8, "{all:?} {one:?}");
        assert!(HOPE < all.hope() && all.hope() < one.hope(), "{all:?} {one:?}");
    }

    #[test]
    fn what_was_not_run_says_nothing_of_what_will_be() {
        let mut odds = Odds::of_model().of_one();
        for _ in 0..40 {
            odds.note(4, true, true);
            odds.note(1, false, false);
        }
        assert!(odds.hope() > 0.95 && odds.of(1) < 0.01, "{odds:?}");
    }
}
