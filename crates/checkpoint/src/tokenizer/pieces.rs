//! What every token is and what it adds to the text: one table, made when the vocabulary is read.

use super::decoding::Decoding;
use super::{Error, LARGEST_VOCABULARY, Result};

#[derive(Debug)]
pub(super) struct Pieces {
    table: Vec<Option<Piece>>,
    leading_space: LeadingSpace,
}

#[derive(Debug)]
struct Piece {
    text: Box<str>,
    bytes: Box<[u8]>,
    special: bool,
}

/// What happens to the space that a vocabulary writes before the first word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeadingSpace {
    Kept,
    /// Up to so many spaces at the beginning of the text are dropped.
    Stripped {
        spaces: usize,
    },
    /// The first token loses every mark that stands for a space.
    FirstTokenLoses {
        mark: char,
    },
}

impl Pieces {
    /// A table for the tokens given, in any order; ids that are missing stay empty.
    pub(super) fn new(
        tokens: impl IntoIterator<Item = (u32, String)>,
        decoding: &Decoding,
        is_special: impl Fn(u32) -> bool,
    ) -> Result<Self> {
        let mut table = Vec::new();
        for (id, text) in tokens {
            let index = id as usize;
            if index >= LARGEST_VOCABULARY {
                return Err(Error::malformed(
                    format!("the id of the token {text:?}"),
                    format!("less than {LARGEST_VOCABULARY}"),
                    id,
                ));
            }
            if index >= table.len() {
                table.resize_with(index + 1, || None);
            }
            let special = is_special(id);
            let bytes = if special { Box::default() } else { decoding.bytes(id, &text) };
            table[index] = Some(Piece { text: text.into_boxed_str(), bytes, special });
        }
        Ok(Self { table, leading_space: decoding.leading_space() })
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The bytes of text that the longest token stands for. `None` unless every byte has a token of its own: what has none
    /// would be dropped, or become an unknown token with its neighbours.
    pub(super) fn longest_of_every_byte(&self) -> Option<usize> {
        let mut single = [false; 256];
        let mut longest = 0;
        for piece in self.table.iter().flatten() {
            if let [byte] = *piece.bytes {
                single[byte as usize] = true;
            }
            longest = longest.max(if piece.special { piece.text.len() } else { piece.bytes.len() });
        }
        single.iter().all(|has_token| *has_token).then_some(longest)
    }

    pub(super) fn leading_space(&self) -> LeadingSpace {
        self.leading_space
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        self.get(id).map_or(&[], |piece| &piece.bytes)
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.get(id).map(|piece| &*piece.text)
    }

    pub(super) fn is_special(&self, id: u32) -> bool {
        self.get(id).is_some_and(|piece| piece.special)
    }

    /// Whether the token counts as one of the text: it is there and it is not special.
    pub(super) fn is_text(&self, id: u32) -> bool {
        self.get(id).is_some_and(|piece| !piece.special)
    }

    fn get(&self, id: u32) -> Option<&Piece> {
        self.table.get(id as usize)?.as_ref()
    }
}
