//! Byte-level pairs, as in the vocabularies of Llama 3, Qwen 2, GPT-2, SmolLM and Mistral's newer models.

use proptest::prelude::*;
use serde_json::Value;

use super::{check, files, fixture, gguf};
use crate::tokenizer::Tokenizer;

const KINDS: [&str; 6] = ["llama-bpe", "qwen2", "gpt-2", "smollm", "tekken", "default"];

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
        // A file that names nothing means the default.
        vocabulary.pre = (kind != "default").then(|| kind.into());
        vocabulary.bos = vocabulary.tokens.iter().position(|token| token == "<|begin|>").map(|id| id as u32);
        vocabulary.add_bos = Some(kind == "llama-bpe");
        check(kind, &Tokenizer::from_gguf(&vocabulary).unwrap(), &expected[kind]["encodings"]);
    }
}

proptest! {
    #[test]
    fn a_text_has_at_least_as_many_tokens_as_its_length_says(text in "[ -~\u{300}-\u{345}\u{1100}-\u{11ff}é漢\n]{0,300}", runs in 1..40_usize) {
        let expected = fixture("byte_level_expected.json");
        for kind in KINDS {
            let tokenizer = Tokenizer::from_files(&files(&with_sections(&expected[kind]))).unwrap();
            for text in [&text, &" ".repeat(text.len()), &"<|end|>".repeat(runs)] {
                let tokens = tokenizer.encode(text, false).unwrap().len();
                prop_assert!(tokenizer.fewest_tokens(text.len()) <= tokens, "{}: {:?}", kind, text);
            }
            prop_assert!(tokenizer.fewest_tokens(1 << 20) > 0, "{} knows no bound", kind);
        }
    }
}

fn with_sections(expected: &Value) -> Value {
    let mut tokenizer = fixture("byte_level.json");
    for section in ["normalizer", "pre_tokenizer", "post_processor"] {
        tokenizer[section] = expected[section].clone();
    }
    tokenizer["model"]["ignore_merges"] = expected["ignore_merges"].clone();
    tokenizer
}
