//! Made-up vocabularies of any size that a tokenizer can really use: letters, and ever longer runs of them.

use super::shape::{Shape, VocabularyKind};

/// The bytes and the special tokens; anything smaller could not encode every text.
pub(super) const SMALLEST: usize = 256 + 128;

const SENTENCE_PIECE_SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];
const BYTE_PAIR_SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// GGUF's numbers for kinds of tokens.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) pieces: Vec<String>,
    pub(super) kinds: Vec<i32>,
    /// SentencePiece only.
    pub(super) scores: Vec<f32>,
    /// BPE only: (left, right), most wanted first.
    pub(super) merges: Vec<(String, String)>,
    pub(super) begin: u32,
    pub(super) end: u32,
}

impl Vocabulary {
    pub(super) fn new(shape: &Shape) -> Self {
        match shape.vocabulary_kind {
            VocabularyKind::SentencePiece => sentence_piece(shape.vocabulary),
            VocabularyKind::BytePair => byte_pair(shape.vocabulary),
        }
    }

    /// For a `tokenizer.json`, where byte-level BPE is the one kind that every reader takes.
    pub(super) fn byte_pair(size: usize) -> Self {
        byte_pair(size)
    }

    fn push(&mut self, piece: impl Into<String>, kind: i32) {
        self.pieces.push(piece.into());
        self.kinds.push(kind);
    }
}

fn sentence_piece(size: usize) -> Vocabulary {
    let mut vocabulary = Vocabulary { begin: 1, end: 2, ..Vocabulary::default() };
    for (piece, kind) in SENTENCE_PIECE_SPECIAL.iter().zip([UNKNOWN, CONTROL, CONTROL]) {
        vocabulary.push(*piece, kind);
    }
    for byte in 0..=255_u8 {
        vocabulary.push(format!("<0x{byte:02X}>"), BYTE);
    }
    let single = std::iter::once('▁').chain('!'..='~').map(String::from);
    let runs = runs_of_letters('▁').map(|(left, right)| left + &right);
    for piece in single.chain(runs).take(size - vocabulary.pieces.len()) {
        vocabulary.push(piece, NORMAL);
    }
    let special = SENTENCE_PIECE_SPECIAL.len() + 256;
    vocabulary.scores = (0..size).map(|index| -(index.saturating_sub(special) as f32)).collect();
    vocabulary
}

fn byte_pair(size: usize) -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    for character in byte_characters() {
        vocabulary.push(character, NORMAL);
    }
    for (left, right) in runs_of_letters('Ġ').take(size - 256 - BYTE_PAIR_SPECIAL.len()) {
        vocabulary.push(format!("{left}{right}"), NORMAL);
        vocabulary.merges.push((left, right));
    }
    vocabulary.begin = vocabulary.pieces.len() as u32;
    vocabulary.end = vocabulary.begin + 2;
    for piece in BYTE_PAIR_SPECIAL {
        vocabulary.push(piece, CONTROL);
    }
    vocabulary
}

/// Every run of two letters and more, with and without a space in front, shortest first, each as a run that came before it and one more letter.
fn runs_of_letters(space: char) -> impl Iterator<Item = (String, String)> {
    let letters = || ('a'..='z').map(String::from);
    let mut prefixes: Vec<String> = std::iter::once(space.to_string()).chain(letters()).collect();
    std::iter::from_fn(move || {
        let longer: Vec<_> =
            prefixes.iter().flat_map(|prefix| letters().map(move |letter| (prefix.clone(), letter))).collect();
        prefixes = longer.iter().map(|(prefix, letter)| format!("{prefix}{letter}")).collect();
        Some(longer)
    })
    .flatten()
}

/// The character by which byte-level BPE writes each byte, in the order of GPT-2's vocabulary.
fn byte_characters() -> impl Iterator<Item = char> {
    let printable = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..256_u32).filter(move |byte| !printable(byte)).count() as u32;
    (0..256).filter(printable).chain(256..256 + others).filter_map(char::from_u32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn pieces_are_as_many_as_asked_for_and_all_different() {
        for vocabulary in [sentence_piece(32_000), byte_pair(151_936), byte_pair(SMALLEST), sentence_piece(SMALLEST)] {
            let different: HashSet<_> = vocabulary.pieces.iter().collect();
            assert_eq!(different.len(), vocabulary.pieces.len());
            assert_eq!(vocabulary.kinds.len(), vocabulary.pieces.len());
        }
        assert_eq!(byte_pair(151_936).pieces.len(), 151_936);
        assert_eq!(sentence_piece(32_000).pieces.len(), 32_000);
    }

    #[test]
    fn every_merge_joins_pieces_that_there_are() {
        let vocabulary = byte_pair(50_000);
        let pieces: HashSet<_> = vocabulary.pieces.iter().cloned().collect();
        for (left, right) in &vocabulary.merges {
            assert!(pieces.contains(left) && pieces.contains(right) && pieces.contains(&format!("{left}{right}")));
        }
    }
}
