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
/// Its weight among those of all sequences.
const NEWEST_OF_ALL: f32 = 0.02;
/// What part of a weight the hope that comes back has, with each token for which nothing was guessed: now and then it is tried again.
const RECOVERY: f32 = 0.02;

/// The odds of guesses, exponentially weighted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    each: [f32; KINDS],
    /// The same whatever the kind.
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

    pub(super) fn note(&mut self, kind: u8, came_true: bool) {
        let came_true = f32::from(u8::from(came_true));
        for odds in [&mut self.each[usize::from(kind)], &mut self.hope] {
            *odds += self.newest * (came_true - *odds);
        }
    }

    /// A token came for which nothing was guessed.
    pub(super) fn recover(&mut self) {
        self.hope += RECOVERY * self.newest * (MOST_HOPE - self.hope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_what_happens_to_each_kind() {
        let mut odds = Odds::of_model().of_one();
        for _ in 0..40 {
            odds.note(0, true);
            odds.note(1, false);
        }
        assert!(odds.of(0) > 0.99 && odds.of(1) < 0.01 && (odds.of(2) - 0.5).abs() < f32::EPSILON);
    }

    #[test]
    fn those_of_all_sequences_follow_more_slowly() {
        let (mut all, mut one) = (Odds::of_model(), Odds::of_model().of_one());
        for _ in 0..10 {
            all.note(0, true);
            one.note(0, true);
        }
        assert!(all.of(0) < 0.3 && one.of(0) > 0.8, "{all:?} {one:?}");
        assert!(HOPE < all.hope() && all.hope() < one.hope(), "{all:?} {one:?}");
    }
}
