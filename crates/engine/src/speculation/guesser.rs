//! What one sequence's next tokens may be, and how likely that is.

use super::ngram::NgramIndex;
use super::odds::{KINDS, Odds};

/// By the length of the match that a guess continues: 2, 3, 4 to 7, 8 to 15, more. Before a sequence has shown its own, these
/// are cautious, for a wrong guess costs more than a missed one.
const ODDS: [f32; KINDS] = [0.25, 0.4, 0.6, 0.8, 0.9];

fn kind_of(length: usize) -> u8 {
    match length {
        ..=2 => 0,
        3 => 1,
        4..=7 => 2,
        8..=15 => 3,
        _ => 4,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guess {
    token: u32,
    kind: u8,
}

/// Guesses are made whether they are run or not: what comes instead of them tells how good they are, at no cost, and when it
/// is worth running them again.
#[derive(Debug)]
pub(crate) struct Guesser {
    index: NgramIndex,
    odds: Odds,
    /// The latest guesses, for the positions from `from` on.
    guesses: Vec<Guess>,
    from: usize,
}

impl Guesser {
    pub(crate) fn new() -> Self {
        Self { index: NgramIndex::default(), odds: Odds::new(ODDS), guesses: Vec::new(), from: 0 }
    }

    /// Makes at most so many guesses at what follows `tokens`, which are those of the call before and some more. A guess among
    /// `ends` would be the last of the text, and no row behind it were of use.
    pub(crate) fn guess(&mut self, tokens: &[u32], most: usize, ends: &[u32]) {
        self.judge(tokens);
        self.index.extend(tokens);
        self.from = tokens.len();
        self.guesses.clear();
        if let Some(place) = self.index.place() {
            let kinds = (place.length..).map(kind_of);
            let guesses = place.continuation(tokens).zip(kinds).map(|(token, kind)| Guess { token, kind });
            self.guesses.extend(guesses.take(most).take_while(|guess| !ends.contains(&guess.token)));
        }
    }

    /// For each of the latest guesses the chance that it and all before it are right.
    pub(crate) fn chances(&self) -> impl Iterator<Item = f32> {
        let odds = self.guesses.iter().map(|guess| self.odds.of(guess.kind));
        odds.scan(1.0, |chance, odds| {
            *chance *= odds;
            Some(*chance)
        })
    }

    /// The latest guesses.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u32> {
        self.guesses.iter().map(|guess| guess.token)
    }

    fn judge(&mut self, tokens: &[u32]) {
        for (guess, token) in self.guesses.iter().zip(&tokens[self.from..]) {
            let came_true = guess.token == *token;
            self.odds.note(guess.kind, came_true);
            if !came_true {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chance of the first guess behind a text that comes token by token.
    fn chance(text: &[u32]) -> f32 {
        let mut guesser = Guesser::new();
        for length in 1..=text.len() {
            guesser.guess(&text[..length], 4, &[]);
        }
        guesser.chances().next().unwrap_or(0.0)
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
        let mut guesser = Guesser::new();
        guesser.guess(&[1, 2, 3, 4, 5, 1, 2], 3, &[]);
        assert_eq!(guesser.tokens().collect::<Vec<_>>(), [3, 4, 5]);
        let chances: Vec<f32> = guesser.chances().collect();
        assert_eq!(chances.len(), 3);
        assert!(chances.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn nothing_is_guessed_behind_the_end() {
        let mut guesser = Guesser::new();
        guesser.guess(&[1, 2, 3, 4, 5, 1, 2], 3, &[4]);
        assert_eq!(guesser.tokens().collect::<Vec<_>>(), [3]);
    }
}
