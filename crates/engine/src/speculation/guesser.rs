//! What one sequence's next tokens may be, and how likely that is.

use super::ngram::NgramIndex;
use super::odds::{KINDS, Odds};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guess {
    pub(crate) token: u32,
    kind: u8,
}

/// Guesses are judged by what comes instead of them, whether they were run or not. Those that cost nothing are always made, so
/// that it shows when it is worth running them again.
#[derive(Debug)]
pub(crate) struct Guesser {
    source: Source,
    odds: Odds,
    /// The latest guesses, for the positions from `from` on.
    guesses: Vec<Guess>,
    from: usize,
    /// So many of them were run.
    run: usize,
    /// For each of them, or of those that are still to be made, the chance that it and all before it are right.
    chances: Vec<f32>,
}

#[derive(Debug)]
enum Source {
    Text(NgramIndex),
    Model,
}

impl Guesser {
    /// Guesses what followed the same words before; `odds` are those of the sequences before this one.
    pub(crate) fn of_text(odds: Odds) -> Self {
        Self::new(Source::Text(NgramIndex::default()), odds)
    }

    /// Is told what a small model guesses.
    pub(crate) fn of_model(odds: Odds) -> Self {
        Self::new(Source::Model, odds)
    }

    fn new(source: Source, odds: Odds) -> Self {
        Self { source, odds: odds.of_one(), guesses: Vec::new(), from: 0, run: 0, chances: Vec::new() }
    }

    /// Takes in `tokens`, which are those of the call before and some more, and gives the chances of at most so many guesses at
    /// what follows. A guess among `ends` would be the last of the text, and no row behind it were of use. What became of the guesses
    /// before is noted in `all`, too.
    pub(crate) fn expect(&mut self, tokens: &[u32], most: usize, ends: &[u32], all: &mut Odds) -> &[f32] {
        self.judge(tokens, all);
        self.from = tokens.len();
        self.run = 0;
        self.guesses.clear();
        self.chances.clear();
        match &mut self.source {
            Source::Text(index) => {
                index.extend(tokens);
                let Some(place) = index.place() else { return &[] };
                let kinds = (place.length..).map(kind_of_match);
                let guesses = place.continuation(tokens).zip(kinds).map(|(token, kind)| Guess { token, kind });
                self.guesses.extend(guesses.take(most).take_while(|guess| !ends.contains(&guess.token)));
                self.weigh();
            }
            Source::Model => {
                let hope = self.odds.hope();
                let chances = std::iter::successors(Some(hope), |chance| Some(chance * hope));
                self.chances.extend(chances.take(most));
            }
        }
        &self.chances
    }

    /// Takes a small model's guesses, each with what that gives it, and gives their chances.
    pub(crate) fn hear(&mut self, guesses: &[(u32, f32)]) -> &[f32] {
        self.guesses.extend(guesses.iter().map(|(token, given)| Guess { token: *token, kind: kind_of_confidence(*given) }));
        self.weigh();
        &self.chances
    }

    /// What its guesses of each kind were worth so far.
    pub(crate) fn odds(&self) -> Odds {
        self.odds
    }

    /// The first so many of the latest guesses, which are run.
    pub(crate) fn run(&mut self, count: usize) -> &[Guess] {
        self.run = count;
        &self.guesses[..count]
    }

    fn weigh(&mut self) {
        self.chances.clear();
        let mut chance = 1.0;
        for guess in &self.guesses {
            chance *= self.odds.of(guess.kind);
            self.chances.push(chance);
        }
    }

    fn judge(&mut self, tokens: &[u32], all: &mut Odds) {
        if self.guesses.is_empty() {
            self.odds.recover();
        }
        for (index, (guess, token)) in self.guesses.iter().zip(&tokens[self.from..]).enumerate() {
            let (came_true, run) = (guess.token == *token, index < self.run);
            self.odds.note(guess.kind, came_true, run);
            all.note(guess.kind, came_true, run);
            if !came_true {
                break;
            }
        }
    }
}

fn kind_of_match(length: usize) -> u8 {
    match length {
        ..=2 => 0,
        3 => 1,
        4..=7 => 2,
        8..=15 => 3,
        _ => 4,
    }
}

/// By what a small model gives its guess.
pub(super) fn kind_of_confidence(given: f32) -> u8 {
    ((given * KINDS as f32) as u8).min(KINDS as u8 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(guesser: &Guesser) -> Vec<u32> {
        guesser.guesses.iter().map(|guess| guess.token).collect()
    }

    /// The chance of the first guess behind a text that comes token by token.
    fn chance(text: &[u32]) -> f32 {
        let mut all = Odds::of_text();
        let mut guesser = Guesser::of_text(all);
        for length in 1..text.len() {
            guesser.expect(&text[..length], 4, &[], &mut all);
        }
        guesser.expect(text, 4, &[], &mut all).first().copied().unwrap_or(0.0)
    }

    #[test]
    fn a_text_that_repeats_itself_is_trusted_more_and_more() {
        let text: Vec<u32> = (0..60).map(|position| position % 5).collect();
        assert!(chance(&text[..8]) < 0.5);
        assert!(chance(&text) > 0.95);
    }

    #[test]
    fn a_text_that_only_seems_to_repeat_itself_is_trusted_less_and_less() {
        // The same pair again and again, and something else behind it each time.
        let text: Vec<u32> = (0..40).flat_map(|other| [1, 2, 100 + other]).chain([1, 2]).collect();
        assert!(chance(&text) < 0.02);
    }

    #[test]
    fn chances_of_a_row_of_guesses_do_not_grow() {
        let mut all = Odds::of_text();
        let mut guesser = Guesser::of_text(all);
        let chances = guesser.expect(&[1, 2, 3, 4, 5, 1, 2], 3, &[], &mut all).to_vec();
        assert_eq!(tokens(&guesser), [3, 4, 5]);
        assert_eq!(chances.len(), 3);
        assert!(chances.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn nothing_is_guessed_behind_the_end() {
        let mut all = Odds::of_text();
        let mut guesser = Guesser::of_text(all);
        guesser.expect(&[1, 2, 3, 4, 5, 1, 2], 3, &[4], &mut all);
        assert_eq!(tokens(&guesser), [3]);
    }

    #[test]
    fn a_small_model_that_errs_is_given_up_and_tried_again_later() {
        let mut all = Odds::of_model();
        let mut guesser = Guesser::of_model(all);
        let mut text = vec![1];
        let at_first = guesser.expect(&text, 1, &[], &mut all)[0];
        for _ in 0..30 {
            guesser.hear(&[(2, 0.9)]);
            guesser.run(1);
            text.push(1);
            guesser.expect(&text, 1, &[], &mut all);
        }
        let after_errors = guesser.expect(&text, 1, &[], &mut all)[0];
        for _ in 0..300 {
            text.push(1);
            guesser.expect(&text, 1, &[], &mut all);
        }
        let later = guesser.expect(&text, 1, &[], &mut all)[0];
        assert!(after_errors < 0.05 && later > 0.3 && later < at_first, "{at_first} {after_errors} {later}");
    }

    #[test]
    fn what_a_small_model_is_sure_of_is_trusted_more() {
        let mut all = Odds::of_model();
        let mut guesser = Guesser::of_model(all);
        guesser.expect(&[1], 2, &[], &mut all);
        let chances = guesser.hear(&[(2, 0.95), (3, 0.1)]);
        assert!(chances[0] > 0.8 && chances[1] < 0.2, "{chances:?}");
    }

    #[test]
    fn a_sequence_begins_with_what_those_before_it_have_shown() {
        let mut all = Odds::of_model();
        let before = all.hope();
        for _ in 0..40 {
            let mut guesser = Guesser::of_model(all);
            let mut text = vec![1];
            for _ in 0..20 {
                guesser.expect(&text, 1, &[], &mut all);
                guesser.hear(&[(1, 0.1)]);
                guesser.run(1);
                text.push(1);
            }
        }
        let mut next = Guesser::of_model(all);
        assert!(next.expect(&[1], 1, &[], &mut all)[0] > 0.9 && before < 0.7);
        assert!(next.hear(&[(1, 0.1)])[0] > 0.9, "{all:?}");
    }
}
