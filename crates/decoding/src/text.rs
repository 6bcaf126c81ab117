//! Tokens into text that may be shown: whole characters, and nothing that could turn out to be the beginning of a stop
//! string.

use backend::{StopReason, TokenLogprob};
use checkpoint::{Detokenizer, Tokenizer};

/// A piece of text that is final, with the tokens whose text begins in it.
#[derive(Debug, Default, PartialEq)]
pub struct Piece {
    pub text: String,
    pub tokens: u32,
    pub logprobs: Vec<TokenLogprob>,
}

impl Piece {
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.logprobs.is_empty()
    }
}

#[derive(Debug)]
pub(crate) struct Text {
    /// Gone once the text has ended.
    detokenizer: Option<Detokenizer>,
    held: Held,
}

impl Text {
    pub(crate) fn new(detokenizer: Detokenizer, stops: Vec<String>) -> Self {
        Self { detokenizer: Some(detokenizer), held: Held::new(stops) }
    }

    /// Takes the next token. With a stop reason the text has ended before the string that it names, and the piece is the
    /// last.
    pub(crate) fn push(
        &mut self,
        tokenizer: &Tokenizer,
        token: u32,
        logprob: Option<TokenLogprob>,
    ) -> (Piece, Option<StopReason>) {
        let text = self.detokenizer.as_mut().map(|detokenizer| detokenizer.push(tokenizer, token)).unwrap_or_default();
        self.held.push(&text, logprob)
    }

    /// No token follows: what was held back is shown.
    pub(crate) fn finish(&mut self) -> (Piece, Option<StopReason>) {
        let text = self.detokenizer.take().map(Detokenizer::finish).unwrap_or_default();
        let (mut piece, stop) = self.held.push_text(&text);
        if stop.is_none() {
            let rest = self.held.release(self.held.text.len(), true);
            piece.text.push_str(&rest.text);
            piece.tokens += rest.tokens;
            piece.logprobs.extend(rest.logprobs);
        }
        (piece, stop)
    }
}

/// Text that was generated and not shown yet.
#[derive(Debug)]
struct Held {
    stops: Vec<String>,
    text: String,
    /// For each token of which nothing was shown yet: where its text begins in `text`, and its logarithm.
    tokens: Vec<(usize, Option<TokenLogprob>)>,
}

impl Held {
    fn new(stops: Vec<String>) -> Self {
        Self { stops, text: String::new(), tokens: Vec::new() }
    }

    fn push(&mut self, text: &str, logprob: Option<TokenLogprob>) -> (Piece, Option<StopReason>) {
        self.tokens.push((self.text.len(), logprob));
        self.push_text(text)
    }

    fn push_text(&mut self, text: &str) -> (Piece, Option<StopReason>) {
        self.text.push_str(text);
        if let Some((at, stop)) = self.first_stop() {
            let stop = StopReason::StopString(stop.to_owned());
            return (self.cut(at), Some(stop));
        }
        let shown = self.text.len() - self.longest_beginning_of_a_stop();
        (self.release(shown, false), None)
    }

    /// The stop string that begins first; of several at one place the one that was given first.
    fn first_stop(&self) -> Option<(usize, &str)> {
        let found = self.stops.iter().filter_map(|stop| Some((self.text.find(stop.as_str())?, stop.as_str())));
        found.min_by_key(|(at, _)| *at)
    }

    /// Bytes at the end of the text with which a stop string begins.
    fn longest_beginning_of_a_stop(&self) -> usize {
        let beginning = |stop: &String| {
            let most = self.text.len().min(stop.len() - 1);
            (1..=most)
                .rev()
                .find(|length| stop.is_char_boundary(*length) && self.text.ends_with(&stop[..*length]))
                .unwrap_or(0)
        };
        self.stops.iter().map(beginning).max().unwrap_or(0)
    }

    /// The text before a stop string, with every token that has a part in it.
    fn cut(&mut self, at: usize) -> Piece {
        let piece = self.release(at, false);
        self.text.clear();
        self.tokens.clear();
        piece
    }

    /// The first `length` bytes, with the tokens whose text begins in them. A token without text yet (a part of a
    /// character) goes with the one that completes it, unless everything has to go.
    fn release(&mut self, length: usize, everything: bool) -> Piece {
        let begun = self.tokens.iter().take_while(|(begins, _)| everything || *begins < length).count();
        let mut piece = Piece { text: self.text.drain(..length).collect(), ..Piece::default() };
        for (_, logprob) in self.tokens.drain(..begun) {
            piece.tokens += 1;
            piece.logprobs.extend(logprob);
        }
        for (begins, _) in &mut self.tokens {
            *begins -= length;
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is shown of text that comes in pieces, what stopped it, and for how many pieces.
    fn shown(stops: &[&str], pieces: &[&str]) -> (String, Option<StopReason>, u32) {
        let mut held = Held::new(stops.iter().map(ToString::to_string).collect());
        let (mut text, mut tokens) = (String::new(), 0);
        for piece in pieces {
            let (piece, stop) = held.push(piece, None);
            text.push_str(&piece.text);
            tokens += piece.tokens;
            if stop.is_some() {
                return (text, stop, tokens);
            }
        }
        let rest = held.release(held.text.len(), true);
        (text + &rest.text, None, tokens + rest.tokens)
    }

    fn stop(stop: &str) -> StopReason {
        StopReason::StopString(stop.into())
    }

    #[test]
    fn a_stop_string_across_tokens_is_cut_off() {
        assert_eq!(shown(&["END"], &["a", "bE", "N", "Dc"]), ("ab".into(), Some(stop("END")), 2));
    }

    #[test]
    fn what_only_looked_like_a_stop_is_shown() {
        assert_eq!(shown(&["END"], &["aE", "N", "x"]), ("aENx".into(), None, 3));
        assert_eq!(shown(&["END"], &["aEN"]), ("aEN".into(), None, 1));
    }

    #[test]
    fn the_stop_that_begins_first_wins() {
        assert_eq!(shown(&["cd", "bcde"], &["abcde"]), ("a".into(), Some(stop("bcde")), 1));
    }

    #[test]
    fn a_repeated_beginning_does_not_hide_the_stop() {
        assert_eq!(shown(&["aab"], &["a", "a", "a", "b"]), ("a".into(), Some(stop("aab")), 1));
    }

    #[test]
    fn a_character_of_several_bytes_can_be_a_stop() {
        assert_eq!(shown(&["→é"], &["x→", "é"]), ("x".into(), Some(stop("→é")), 1));
    }

    proptest! {
        #[test]
        fn however_the_text_is_split_the_same_is_shown(
            text in "[abc]{0,30}", stop in "[abc]{1,4}", cuts in prop::collection::vec(0usize..30, 0..8),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let bounds = std::iter::once(0).chain(cuts).chain([text.len()]).collect::<Vec<_>>();
            let pieces: Vec<_> = bounds.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let (shown, reason, _) = shown(&[&stop], &pieces);
            let whole = text.split_once(stop.as_str()).map_or(text.as_str(), |(before, _)| before);
            prop_assert_eq!(shown, whole);
            prop_assert_eq!(reason.is_some(), text.contains(stop.as_str()));
        }
    }
}
