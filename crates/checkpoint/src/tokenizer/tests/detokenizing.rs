//! The text is the same however the tokens come.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::{files, fixture};
use crate::tokenizer::Tokenizer;

static BYTE_LEVEL: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer::from_files(&files(&fixture("byte_level.json"))).unwrap());
static SENTENCE_PIECE: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer::from_files(&files(&fixture("sentence_piece.json"))).unwrap());

/// All the bytes joined and read at once.
fn at_once(tokenizer: &Tokenizer, tokens: &[u32], first_space_dropped: bool) -> String {
    let bytes: Vec<u8> = tokens.iter().flat_map(|&id| tokenizer.bytes_of(id)).copied().collect();
    let dropped = first_space_dropped && bytes.first() == Some(&b' ');
    String::from_utf8_lossy(&bytes[usize::from(dropped)..]).into_owned()
}

fn token_by_token(tokenizer: &Tokenizer, tokens: &[u32]) -> String {
    let mut detokenizer = tokenizer.detokenizer();
    let mut text = String::new();
    for &id in tokens {
        text.push_str(&detokenizer.push(tokenizer, id));
    }
    text + &detokenizer.finish()
}

proptest! {
    #[test]
    fn any_tokens_of_byte_level_pairs(tokens in prop::collection::vec(0_u32..1200, 0..40)) {
        prop_assert_eq!(token_by_token(&BYTE_LEVEL, &tokens), at_once(&BYTE_LEVEL, &tokens, false));
    }

    /// The first 256 tokens are single bytes, most sequences of which are no characters.
    #[test]
    fn any_bytes(tokens in prop::collection::vec(0_u32..256, 0..40)) {
        prop_assert_eq!(token_by_token(&BYTE_LEVEL, &tokens), at_once(&BYTE_LEVEL, &tokens, false));
    }

    #[test]
    fn any_tokens_of_a_sentence_piece_vocabulary(tokens in prop::collection::vec(0_u32..1000, 0..40)) {
        prop_assert_eq!(token_by_token(&SENTENCE_PIECE, &tokens), at_once(&SENTENCE_PIECE, &tokens, true));
    }

    #[test]
    fn any_text_comes_back(text in "\\PC*") {
        for tokenizer in [&BYTE_LEVEL, &SENTENCE_PIECE] {
            let tokens = tokenizer.encode(&text, false).unwrap();
            let special = tokens.iter().any(|&id| tokenizer.is_special(id));
            prop_assume!(!special && !text.contains('▁'));
            prop_assert_eq!(token_by_token(tokenizer, &tokens), text.as_str());
        }
    }
}

#[test]
fn a_character_comes_when_it_is_whole() {
    let tokens: Vec<u32> = "€".bytes().map(byte_token).collect();
    let mut detokenizer = BYTE_LEVEL.detokenizer();
    let pushed: Vec<String> = tokens.iter().map(|&id| detokenizer.push(&BYTE_LEVEL, id)).collect();
    assert_eq!(pushed, ["", "", "€"]);
    assert_eq!(detokenizer.finish(), "");
}

#[test]
fn a_character_that_is_not_ended_is_replaced_once() {
    let mut detokenizer = BYTE_LEVEL.detokenizer();
    assert_eq!(detokenizer.push(&BYTE_LEVEL, byte_token(0xE2)), "");
    assert_eq!(detokenizer.push(&BYTE_LEVEL, byte_token(0x82)), "");
    assert_eq!(detokenizer.push(&BYTE_LEVEL, byte_token(b'a')), "\u{fffd}a");
    assert_eq!(detokenizer.push(&BYTE_LEVEL, byte_token(0xF0)), "");
    assert_eq!(detokenizer.finish(), "\u{fffd}");
}

#[test]
fn special_tokens_add_nothing() {
    let begin = BYTE_LEVEL.id_of("<|begin|>").unwrap();
    assert!(BYTE_LEVEL.is_special(begin));
    assert_eq!(BYTE_LEVEL.bytes_of(begin), b"");
    assert_eq!(BYTE_LEVEL.token(begin), Some("<|begin|>"));
}

#[test]
fn added_tokens_that_are_not_special_are_text() {
    let think = BYTE_LEVEL.id_of("<think>").unwrap();
    assert_eq!(BYTE_LEVEL.bytes_of(think), b"<think>");
}

#[test]
fn an_id_outside_the_vocabulary_adds_nothing() {
    assert_eq!(BYTE_LEVEL.bytes_of(u32::MAX), b"");
    assert_eq!(BYTE_LEVEL.token(u32::MAX), None);
    assert_eq!(BYTE_LEVEL.decode(&[u32::MAX]), "");
}

#[test]
fn the_first_space_of_a_text_is_dropped_and_that_of_a_completion_kept() {
    let tokens = SENTENCE_PIECE.encode("the end", false).unwrap();
    assert_eq!(SENTENCE_PIECE.decode(&tokens), "the end");
    let mut detokenizer = SENTENCE_PIECE.continuing_detokenizer();
    let text: String = tokens.iter().map(|&id| detokenizer.push(&SENTENCE_PIECE, id)).collect();
    assert_eq!(text, " the end");
}

#[test]
fn with_metaspace_the_first_token_loses_its_spaces() {
    let mut tokenizer = fixture("sentence_piece.json");
    tokenizer["decoder"] = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let tokenizer = Tokenizer::from_files(&files(&tokenizer)).unwrap();
    let word = tokenizer.id_of("▁the").unwrap();
    assert_eq!(tokenizer.decode(&[word, word]), "the the");
}

fn byte_token(byte: u8) -> u32 {
    (0..256).find(|&id| BYTE_LEVEL.bytes_of(id) == [byte]).unwrap()
}
