//! Which token begins a text, which end it, which are special: as the files say, in all the ways that they say it.

use serde_json::{Value, json};

use super::{files, fixture, gguf};
use crate::tokenizer::{GgufVocabulary, TextFiles, Tokenizer};

/// A tokenizer.json that itself adds nothing to a text.
fn plain() -> Value {
    let mut tokenizer = fixture("byte_level.json");
    tokenizer["post_processor"] = Value::Null;
    tokenizer
}

fn open(change: impl FnOnce(&mut TextFiles)) -> Tokenizer {
    let mut files = files(&plain());
    change(&mut files);
    Tokenizer::from_files(&files).unwrap()
}

fn tokens(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| tokenizer.token(id).unwrap().to_owned()).collect()
}

#[test]
fn a_role_is_a_string_or_an_object() {
    for bos in [json!("<|begin|>"), json!({"content": "<|begin|>", "special": true})] {
        let tokenizer = open(|files| files.tokenizer_config = json!({"bos_token": bos}));
        assert_eq!(tokenizer.bos(), tokenizer.id_of("<|begin|>"));
    }
}

#[test]
fn older_directories_name_the_roles_in_a_file_of_their_own() {
    let tokenizer = open(|files| files.special_tokens_map = json!({"eos_token": {"content": "<|end|>"}}));
    assert_eq!(tokens(&tokenizer, tokenizer.end_of_text()), ["<|end|>"]);
}

#[test]
fn the_configuration_can_ask_for_first_and_last_tokens() {
    let config = json!({"bos_token": "<|begin|>", "eos_token": "<|end|>", "add_bos_token": true, "add_eos_token": true});
    let tokenizer = open(|files| files.tokenizer_config = config);
    assert_eq!(tokens(&tokenizer, &tokenizer.encode("a", true).unwrap()), ["<|begin|>", "a", "<|end|>"]);
    assert_eq!(tokens(&tokenizer, &tokenizer.encode("<|begin|>a", true).unwrap()), ["<|begin|>", "a", "<|end|>"]);
    assert_eq!(tokens(&tokenizer, &tokenizer.encode("a", false).unwrap()), ["a"]);
}

#[test]
fn a_chat_never_begins_twice() {
    let config = json!({"bos_token": "<|begin|>", "add_bos_token": true});
    let tokenizer = open(|files| files.tokenizer_config = config);
    assert_eq!(tokens(&tokenizer, &tokenizer.encode_chat("<|begin|>a").unwrap()), ["<|begin|>", "a"]);
    assert_eq!(tokens(&tokenizer, &tokenizer.encode_chat("a").unwrap()), ["a"]);
}

#[test]
fn the_end_of_text_is_gathered_from_every_place() {
    let (a, b, c) = (1, 2, 3);
    let tokenizer = open(|files| {
        files.config = json!({"eos_token_id": a});
        files.generation_config = json!({"eos_token_id": [b, c, a]});
        files.tokenizer_config = json!({"eos_token": "<|end|>"});
        files.chat_template = Some("{{ '<|im_end|>' }}".into());
    });
    let end = tokenizer.id_of("<|end|>").unwrap();
    let turn_end = tokenizer.id_of("<|im_end|>").unwrap();
    assert_eq!(tokenizer.end_of_text(), [a, b, c, end, turn_end]);
}

#[test]
fn a_turn_does_not_end_with_a_token_that_the_template_does_not_write() {
    let tokenizer =
        open(|files| files.tokenizer_config = json!({"eos_token": "<|end|>", "chat_template": "{{ messages }}"}));
    assert_eq!(tokens(&tokenizer, tokenizer.end_of_text()), ["<|end|>"]);
}

#[test]
fn an_end_of_text_outside_the_vocabulary_is_passed_over_with_a_warning() {
    let tokenizer = open(|files| files.config = json!({"eos_token_id": 50256}));
    assert!(tokenizer.end_of_text().is_empty());
    assert_eq!(tokenizer.warnings().len(), 1);
    assert!(tokenizer.warnings()[0].contains("50256"));
}

#[test]
fn a_token_with_a_role_is_special_even_if_nobody_says_so() {
    let tokenizer = open(|files| files.tokenizer_config = json!({"eos_token": "er"}));
    let token = tokenizer.id_of("er").unwrap();
    assert!(tokenizer.is_special(token));
    assert!(!open(|_| ()).is_special(token));
}

#[test]
fn tokens_that_only_the_configuration_knows_are_added() {
    let size = open(|_| ()).vocabulary_size();
    let added = json!({size.to_string(): {"content": "<|call|>", "special": true}});
    let tokenizer = open(|files| files.tokenizer_config = json!({"added_tokens_decoder": added}));
    assert_eq!(tokenizer.vocabulary_size(), size + 1);
    assert_eq!(tokens(&tokenizer, &tokenizer.encode("a<|call|>", false).unwrap()), ["a", "<|call|>"]);
    assert!(tokenizer.is_special(size as u32));
}

#[test]
fn a_truncation_left_over_from_training_is_ignored() {
    let mut tokenizer = plain();
    tokenizer["truncation"] = json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    let tokenizer = Tokenizer::from_files(&files(&tokenizer)).unwrap();
    assert!(tokenizer.encode("one two three four five six", false).unwrap().len() > 2);
}

fn byte_level_gguf() -> GgufVocabulary {
    let mut vocabulary = gguf(&fixture("byte_level.json"), "gpt2");
    let id = |token: &str| vocabulary.tokens.iter().position(|other| other == token).map(|id| id as u32);
    (vocabulary.bos, vocabulary.eos, vocabulary.eot) = (id("<|begin|>"), id("<|end|>"), id("<|im_end|>"));
    vocabulary.pre = Some("llama-bpe".into());
    vocabulary
}

#[test]
fn llama_3_in_gguf_begins_a_text_unless_told_not_to() {
    let vocabulary = byte_level_gguf();
    let first = |vocabulary: &GgufVocabulary| Tokenizer::from_gguf(vocabulary).unwrap().encode("a", true).unwrap()[0];
    assert_eq!(Some(first(&vocabulary)), vocabulary.bos);
    assert_ne!(Some(first(&GgufVocabulary { add_bos: Some(false), ..vocabulary.clone() })), vocabulary.bos);
}

#[test]
fn gguf_names_its_ends_of_text() {
    let vocabulary = GgufVocabulary { chat_template: Some("<|im_start|> <|im_end|>".into()), ..byte_level_gguf() };
    let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
    assert_eq!(tokens(&tokenizer, tokenizer.end_of_text()), ["<|end|>", "<|im_end|>"]);
}

#[test]
fn each_control_token_that_ends_texts_ends_those_of_gguf() {
    let vocabulary = byte_level_gguf();
    let ends = GgufVocabulary { eos: vocabulary.eot, eot: None, ..vocabulary };
    let tokenizer = Tokenizer::from_gguf(&ends).unwrap();
    assert_eq!(tokens(&tokenizer, tokenizer.end_of_text()), ["<|end|>", "<|im_end|>"]);
}
