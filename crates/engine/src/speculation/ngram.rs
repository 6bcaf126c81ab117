//! Prompt lookup: where the end of a text has been before, what followed there is a guess at what follows now.
//!
//! After Saxena's prompt lookup decoding (<https://github.com/apoorvumang/prompt-lookup-decoding>), as vLLM's `ngram` and
//! llama.cpp's `lookup` do it. They search the text for each draft; here an index grows with it, tens of nanoseconds a token.

use std::collections::HashMap;

/// Places that are looked at for the longest match, the latest first. A text of one repeated token has been everywhere.
const PLACES: usize = 8;
/// Longer matches are as good as this one.
const LONGEST: usize = 16;

/// Where the pairs of neighbouring tokens of a text are.
#[derive(Debug, Default)]
pub(super) struct NgramIndex {
    /// The position of each pair's second token, where the pair was last.
    latest: HashMap<[u32; 2], u32>,
    /// For each position the one where its pair was before; 0 if it was nowhere, since no pair ends there.
    earlier: Vec<u32>,
    place: Option<Place>,
}

/// A place that the text has come by before as it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The position of what followed.
    pub(super) next: usize,
    /// Tokens before it that are those at the end of the text; at least two.
    pub(super) length: usize,
}

impl NgramIndex {
    /// Takes in what `tokens` have become longer by.
    pub(super) fn extend(&mut self, tokens: &[u32]) {
        for position in self.earlier.len()..tokens.len() {
            self.place = self.place.and_then(|place| place.followed_by(tokens, position));
            let before = position.checked_sub(1).and_then(|neighbour| {
                let pair = [tokens[neighbour], tokens[position]];
                self.latest.insert(pair, position as u32)
            });
            self.earlier.push(before.unwrap_or(0));
        }
        // A place stays as long as it foretells rightly: by then its match is the longest.
        if self.place.is_none() {
            self.place = self.search(tokens);
        }
    }

    /// The place that the end of the text is like, if there is one.
    pub(super) fn place(&self) -> Option<Place> {
        self.place
    }

    /// Of the latest places the one with the longest match, of equals the latest.
    fn search(&self, tokens: &[u32]) -> Option<Place> {
        let last = tokens.len().checked_sub(1)?;
        let earlier = |position: usize| Some(self.earlier[position] as usize).filter(|before| *before > 0);
        let places = std::iter::successors(earlier(last), |place| earlier(*place)).take(PLACES);
        let mut best: Option<Place> = None;
        for place in places {
            let length = common_suffix(&tokens[..=place], tokens);
            if best.is_none_or(|best| length > best.length) {
                best = Some(Place { next: place + 1, length });
            }
        }
        best
    }
}

impl Place {
    /// What is to follow, without end: behind the end of the text it goes on with its own beginning, as a repetition does.
    pub(super) fn continuation(self, tokens: &[u32]) -> impl Iterator<Item = u32> {
        tokens[self.next..].iter().copied().cycle()
    }

    /// The place after the token at `position`, if that is the one that followed here.
    fn followed_by(self, tokens: &[u32], position: usize) -> Option<Self> {
        (tokens[self.next] == tokens[position]).then_some(Self { next: self.next + 1, length: self.length + 1 })
    }
}

fn common_suffix(a: &[u32], b: &[u32]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take(LONGEST).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn indexed(tokens: &[u32]) -> NgramIndex {
        let mut index = NgramIndex::default();
        index.extend(tokens);
        index
    }

    /// The first guesses behind a text.
    fn guesses(tokens: &[u32], count: usize) -> Vec<u32> {
        indexed(tokens).place().map(|place| place.continuation(tokens).take(count).collect()).unwrap_or_default()
    }

    /// What [`NgramIndex::search`] finds, by looking everywhere.
    fn searched(tokens: &[u32]) -> Option<Place> {
        let last = tokens.len().checked_sub(2)?;
        let mut places: Vec<_> = (2..=last + 1).filter(|next| tokens[next - 2..*next] == tokens[last..]).collect();
        places.reverse();
        let places = places.into_iter().take(PLACES).map(|next| {
            let length = (2..=next.min(LONGEST)).rev().find(|length| tokens.ends_with(&tokens[next - length..next]));
            Place { next, length: length.unwrap_or(0) }
        });
        places.rev().max_by_key(|place| place.length)
    }

    #[test]
    fn what_followed_the_same_words_before_is_guessed() {
        assert_eq!(guesses(&[1, 2, 3, 4, 9, 1, 2], 3), [3, 4, 9]);
        assert_eq!(guesses(&[1, 2, 3, 9, 2], 3), [0; 0], "one token is no match");
    }

    #[test]
    fn the_longer_match_goes_before_the_later() {
        assert_eq!(guesses(&[1, 2, 3, 4, 5, 9, 2, 3, 6, 7, 1, 2, 3], 2), [4, 5]);
        assert_eq!(guesses(&[1, 2, 4, 9, 1, 2, 6, 7, 1, 2], 2), [6, 7], "of equals the later");
    }

    #[test]
    fn a_repetition_is_guessed_to_go_on() {
        assert_eq!(guesses(&[5, 5, 5], 4), [5, 5, 5, 5]);
        assert_eq!(guesses(&[1, 2, 3, 1, 2], 6), [3, 1, 2, 3, 1, 2]);
    }

    #[test]
    fn a_place_is_followed_while_it_foretells_rightly() {
        let text = [1, 2, 3, 4, 5, 6, 9, 1, 2, 3, 4];
        let mut index = NgramIndex::default();
        index.extend(&text[..9]);
        assert_eq!(index.place(), Some(Place { next: 2, length: 2 }));
        index.extend(&text);
        assert_eq!(index.place(), Some(Place { next: 4, length: 4 }));
    }

    proptest! {
        #[test]
        fn it_finds_what_a_search_of_the_whole_text_finds(tokens in prop::collection::vec(0u32..4, 0..80)) {
            prop_assert_eq!(indexed(&tokens).place(), searched(&tokens));
        }

        #[test]
        fn however_a_text_grows_its_index_is_the_same_and_its_place_is_one(
            tokens in prop::collection::vec(0u32..4, 0..80), pieces in prop::collection::vec(1usize..9, 0..80),
        ) {
            let mut index = NgramIndex::default();
            let mut length = 0;
            for piece in pieces {
                length = tokens.len().min(length + piece);
                index.extend(&tokens[..length]);
                if let Some(Place { next, length: matched }) = index.place() {
                    prop_assert!(matched >= 2 && next < length);
                    let matched = matched.min(next);
                    prop_assert!(tokens[..length].ends_with(&tokens[next - matched..next]));
                }
            }
            let whole = indexed(&tokens[..length]);
            prop_assert_eq!((index.latest, index.earlier), (whole.latest, whole.earlier));
        }
    }
}
