//! What one sequence's next tokens may be, and how likely that is.

use super::ngram::NgramIndex;
use super::odds::{KINDS, NEWEST, Odds};

/// By the length of the match that a guess continues: 2, 3, 4 to 7, 8 to 15, more. Before a sequence has shown its own, these
/// are cautious, for a wrong guess costs more than a missed one.
const OF_TEXT: Odds = Odds::new([0.25, 0.4, 0.6, 0.8, 0.9]);
/// By what the small model gives its guess: a fifth each.
const OF_MODEL: Odds = Odds::new([0.1, 0.3, 0.5, 0.7, 0.9]);

/// How often a small model's guesses come true, before a sequence has shown it.
const HOPE: f32 = 0.6;
/// How much of that comes back with each token for which nothing was guessed: now and then it is tried again.
const RECOVERY: f32 = 0.003;

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
    /// For each of them, or of those that are still to be made, the chance that it and all before it are right.
    chances: Vec<f32>,
}

#[derive(Debug)]
enum Source {
    Text(NgramIndex),
    /// With how often its guesses come true.
    Model {
        hope: f32,
    },
}

impl Guesser {
    /// Guesses what followed the same words before.
    pub(crate) fn of_text() -> Self {
        Self::new(Source::Text(NgramIndex::default()), OF_TEXT)
    }

    /// Is told what a small model guesses.
    pub(crate) fn of_model() -> Self {
        Self::new(Source::Model { hope: HOPE }, OF_MODEL)
    }

    fn new(source: Source, odds: Odds) -> Self {
        Self { source, odds, guesses: Vec::new(), from: 0, chances: Vec::new() }
    }

    /// Takes in `tokens`, which are those of the call before and some more, and gives the chances of at most so many guesses at
    /// what follows. A guess among `ends` would be the last of the text, and no row behind it were of use.
    pub(crate) fn expect(&mut self, tokens: &[u32], most: usize, ends: &[u32]) -> &[f32] {
        self.judge(tokens);
        self.from = tokens.len();
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
            Source::Model { hope } => {
                let chances = std::iter::successors(Some(*hope), |chance| Some(*chance * *hope));
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

    /// The latest guesses.
    pub(crate) fn guesses(&self) -> &[Guess] {
        &self.guesses
    }

    fn weigh(&mut self) {
        self.chances.clear();
        let mut chance = 1.0;
        for guess in &self.guesses {
            chance *= self.odds.of(guess.kind);
            self.chances.push(chance);
        }
    }

    fn judge(&mut self, tokens: &[u32]) {
        if let Source::Model { hope } = &mut self.source
            && self.guesses.is_empty()
        {
            *hope += RECOVERY * (HOPE - *hope);
        }
        for (guess, token) in self.guesses.iter().zip(&tokens[self.from..]) {
            let came_true = guess.token == *token;
            self.odds.note(guess.kind, came_true);
            if let Source::Model { hope } = &mut self.source {
                *hope += NEWEST * (f32::from(u8::from(came_true)) - *hope);
            }
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
        guesser.guesses().iter().map(|guess| guess.token).collect()
    }

    /// The chance of the first guess behind a text that comes token by token.
    fn chance(text: &[u32]) -> f32 {
        let mut guesser = Guesser::of_text();
        for length in 1..text.len() {
            guesser.expect(&text[..length], 4, &[]);
        }
        guesser.expect(text, 4, &[]).first().copied().unwrap_or(0.0)
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
        let mut guesser = Guesser::of_text();
        let chances = guesser.expect(&[1, 2, 3, 4, 5, 1, 2], 3, &[]).to_vec();
        assert_eq!(tokens(&guesser), [3, 4, 5]);
        assert_eq!(chances.len(), 3);
        assert!(chances.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn nothing_is_guessed_behind_the_end() {
        let mut guesser = Guesser::of_text();
        guesser.expect(&[1, 2, 3, 4, 5, 1, 2], 3, &[4]);
        assert_eq!(tokens(&guesser), [3]);
    }

    #[test]
    fn a_small_model_that_errs_is_given_up_and_tried_again_later() {
        let mut guesser = Guesser::of_model();
        let mut text = vec![1];
        let at_first = guesser.expect(&text, 1, &[])[0];
        for _ in 0..30 {
            guesser.hear(&[(2, 0.9)]);
            text.push(1);
            guesser.expect(&text, 1, &[]);
        }
        let after_errors = guesser.expect(&text, 1, &[])[0];
        for _ in 0..300 {
            text.push(1);
            guesser.expect(&text, 1, &[]);
        }
        let later = guesser.expect(&text, 1, &[])[0];
        assert!(after_errors < 0.05 && later > 0.3 && later < at_first, "{at_first} {after_errors} {later}");
    }

    #[test]
    fn what_a_small_model_is_sure_of_is_trusted_more() {
        let mut guesser = Guesser::of_model();
        guesser.expect(&[1], 2, &[]);
        let chances = guesser.hear(&[(2, 0.95), (3, 0.1)]);
        assert!(chances[0] > 0.8 && chances[1] < 0.2, "{chances:?}");
    }
}
