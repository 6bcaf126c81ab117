//! SentencePiece pairs with byte fallback, as in the vocabularies of Llama 2, TinyLlama and Mistral.

use super::{check, files, fixture, gguf, ids};
use crate::tokenizer::{GgufVocabulary, Tokenizer};

fn vocabulary() -> GgufVocabulary {
    let expected = fixture("sentence_piece_expected.json");
    let mut vocabulary = gguf(&fixture("sentence_piece.json"), "llama");
    // Such files have scores and no merges.
    vocabulary.merges = Vec::new();
    vocabulary.scores = serde_json::from_value(expected["vocabulary"]["scores"].clone()).unwrap();
    vocabulary.token_types = serde_json::from_value(expected["vocabulary"]["token_types"].clone()).unwrap();
    (vocabulary.unk, vocabulary.bos, vocabulary.eos) = (Some(0), Some(1), Some(2));
    vocabulary
}

#[test]
fn a_gguf_vocabulary_encodes_as_sentencepiece() {
    let tokenizer = Tokenizer::from_gguf(&vocabulary()).unwrap();
    for expected in fixture("sentence_piece_expected.json")["sentencepiece"].as_array().unwrap() {
        let text = expected["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, false).unwrap(), ids(&expected["ids"]), "{text:?}");
    }
}

#[test]
fn a_gguf_vocabulary_encodes_and_decodes_as_the_converted_one() {
    let tokenizer = Tokenizer::from_gguf(&vocabulary()).unwrap();
    check("gguf", &tokenizer, &fixture("sentence_piece_expected.json")["encodings"]);
}

#[test]
fn a_tokenizer_json_encodes_and_decodes_as_the_reference() {
    let tokenizer = Tokenizer::from_files(&files(&fixture("sentence_piece.json"))).unwrap();
    check("tokenizer.json", &tokenizer, &fixture("sentence_piece_expected.json")["encodings"]);
}

#[test]
fn text_after_a_special_token_begins_with_a_space() {
    let tokenizer = Tokenizer::from_gguf(&vocabulary()).unwrap();
    let tokens = tokenizer.encode("<s>the", false).unwrap();
    assert_eq!(tokenizer.token(tokens[0]), Some("<s>"));
    assert!(tokenizer.token(tokens[1]).unwrap().starts_with('▁'), "{:?}", tokenizer.token(tokens[1]));
}

#[test]
fn without_the_space_prefix_a_text_begins_as_it_is() {
    let tokenizer = Tokenizer::from_gguf(&GgufVocabulary { add_space_prefix: Some(false), ..vocabulary() }).unwrap();
    let tokens = tokenizer.encode("the", false).unwrap();
    assert!(!tokenizer.token(tokens[0]).unwrap().starts_with('▁'));
    assert_eq!(tokenizer.decode(&tokenizer.encode(" the", false).unwrap()), " the");
}

#[test]
fn only_byte_tokens_are_bytes() {
    let mut vocabulary = vocabulary();
    let line_end = vocabulary.tokens.iter().position(|token| token == "<0x0A>").unwrap();
    let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
    assert_eq!(tokenizer.bytes_of(line_end as u32), b"\n");

    vocabulary.token_types[line_end] = 1;
    let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
    assert_eq!(tokenizer.bytes_of(line_end as u32), b"<0x0A>");
}
