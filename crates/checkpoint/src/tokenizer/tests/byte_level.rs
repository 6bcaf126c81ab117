//! Byte-level pairs, as in the vocabularies of Llama 3, Qwen 2, GPT-2, SmolLM and Mistral's newer models.

use serde_json::Value;

use super::{check, files, fixture, gguf};
use crate::tokenizer::Tokenizer;

const KINDS: [&str; 5] = ["llama-bpe", "qwen2", "gpt-2", "smollm", "tekken"];

#[test]
fn a_tokenizer_json_encodes_and_decodes_as_the_reference() {
    let expected = fixture("byte_level_expected.json");
    for kind in KINDS {
        let tokenizer = Tokenizer::from_files(&files(&with_sections(&expected[kind]))).unwrap();
        check(kind, &tokenizer, &expected[kind]["encodings"]);
    }
}

#[test]
fn a_gguf_vocabulary_encodes_and_decodes_as_the_reference() {
    let (tokenizer, expected) = (fixture("byte_level.json"), fixture("byte_level_expected.json"));
    for kind in KINDS {
        let mut vocabulary = gguf(&tokenizer, "gpt2");
        vocabulary.pre = Some(kind.into());
        vocabulary.bos = vocabulary.tokens.iter().position(|token| token == "<|begin|>").map(|id| id as u32);
        vocabulary.add_bos = Some(kind == "llama-bpe");
        check(kind, &Tokenizer::from_gguf(&vocabulary).unwrap(), &expected[kind]["encodings"]);
    }
}

/// What llama.cpp answers for such a file: runs of punctuation first, then words, numbers, and digits by three.
#[test]
fn a_gguf_vocabulary_without_a_named_pre_tokenizer_is_cut_by_the_default_one() {
    let mut vocabulary = gguf(&fixture("byte_level.json"), "gpt2");
    vocabulary.pre = None;
    vocabulary.merges = Vec::new();
    let unnamed = Tokenizer::from_gguf(&vocabulary).unwrap();
    assert_eq!(unnamed.decode(&unnamed.encode("1234 ab!!", false).unwrap()), "1234 ab!!");
}

fn with_sections(expected: &Value) -> Value {
    let mut tokenizer = fixture("byte_level.json");
    for section in ["normalizer", "pre_tokenizer", "post_processor"] {
        tokenizer[section] = expected[section].clone();
    }
    tokenizer["model"]["ignore_merges"] = expected["ignore_merges"].clone();
    tokenizer
}
