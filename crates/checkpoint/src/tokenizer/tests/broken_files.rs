//! A file that is wrong is an error that says what is wrong, never a panic.

use serde_json::{Value, json};

use super::{files, fixture, gguf};
use crate::tokenizer::{GgufVocabulary, TextFiles, Tokenizer};

fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut tokenizer = fixture("byte_level.json");
    change(&mut tokenizer);
    Tokenizer::from_files(&files(&tokenizer)).unwrap_err().to_string()
}

fn gguf_refusal(change: impl FnOnce(&mut GgufVocabulary)) -> String {
    let mut vocabulary = gguf(&fixture("byte_level.json"), "gpt2");
    vocabulary.pre = Some("gpt-2".into());
    change(&mut vocabulary);
    Tokenizer::from_gguf(&vocabulary).unwrap_err().to_string()
}

#[track_caller]
fn says(refusal: &str, part: &str) {
    assert!(refusal.contains(part), "{refusal:?} does not say {part:?}");
}

#[test]
fn a_tokenizer_json_that_is_not_json() {
    let files = TextFiles { tokenizer: b"{\"model\":".to_vec(), ..TextFiles::default() };
    says(&Tokenizer::from_files(&files).unwrap_err().to_string(), "tokenizer.json: not JSON");
}

#[test]
fn a_decoder_that_is_not_known() {
    says(&refusal(|json| json["decoder"] = json!({"type": "WordPiece"})), "WordPiece");
    says(&refusal(|json| json["decoder"] = Value::Null), "\"none\"");
    says(
        &refusal(|json| json["decoder"] = json!({"type": "Sequence", "decoders": [{"type": "CTC"}, {"type": "Fuse"}]})),
        "CTC",
    );
}

#[test]
fn a_merge_of_what_is_no_token() {
    says(&refusal(|json| json["model"]["merges"] = json!([["a", "nothing like it"]])), "nothing like it");
    says(&refusal(|json| json["model"]["merges"] = json!([["zq", "qz"]])), "zq");
    says(&refusal(|json| json["model"]["merges"] = json!([["a"]])), "merge 0");
    says(&refusal(|json| json["model"]["merges"] = json!(["ab"])), "merge 0");
}

#[test]
fn a_merge_longer_than_any_token() {
    let half = "a".repeat(5000);
    says(&refusal(|json| json["model"]["merges"] = json!([[half, half]])), "merge 0");
}

#[test]
fn an_id_that_would_need_a_table_of_gigabytes() {
    says(&refusal(|json| json["model"]["vocab"]["a"] = json!(4_000_000_000_u32)), "the id of the token \"a\"");
    says(&refusal(|json| json["model"]["vocab"]["a"] = json!(-1)), "the id of the token \"a\"");
}

#[test]
fn an_added_token_with_another_id_than_its_own() {
    says(&refusal(|json| json["added_tokens"][0]["id"] = json!(7)), "the id of the added token");
}

#[test]
fn a_template_of_tokens_that_are_not_there() {
    refusal(|json| {
        json["post_processor"] = json!({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}],
            "pair": [], "special_tokens": {}});
    });
}

#[test]
fn an_end_of_text_that_is_no_id() {
    let files = TextFiles { config: json!({"eos_token_id": "</s>"}), ..files(&fixture("byte_level.json")) };
    says(&Tokenizer::from_files(&files).unwrap_err().to_string(), "eos_token_id of config.json");
}

#[test]
fn a_gguf_model_that_is_not_known() {
    says(&gguf_refusal(|vocabulary| vocabulary.model = "bert".into()), "bert");
}

#[test]
fn a_gguf_pre_tokenizer_that_is_not_known() {
    let refusal = gguf_refusal(|vocabulary| vocabulary.pre = Some("klingon".into()));
    says(&refusal, "klingon");
    says(&refusal, "llama-bpe, qwen2, gpt-2");
}

#[test]
fn gguf_lists_of_different_length() {
    says(&gguf_refusal(|vocabulary| vocabulary.token_types.truncate(3)), "token_type");
    says(&gguf_refusal(|vocabulary| vocabulary.scores = vec![0.0]), "scores");
    says(&gguf_refusal(|vocabulary| vocabulary.model = "llama".into()), "scores");
    says(&gguf_refusal(|vocabulary| vocabulary.tokens.clear()), "the number of tokens");
}

#[test]
fn words_of_bytes_that_nothing_makes() {
    says(&gguf_refusal(|vocabulary| vocabulary.merges.clear()), "tokenizer.ggml.merges");
}

#[test]
fn a_gguf_role_outside_the_vocabulary() {
    says(&gguf_refusal(|vocabulary| vocabulary.eos = Some(1_000_000)), "the eos token");
}

#[test]
fn gguf_merges_that_make_no_token() {
    for merge in ["", " ", "ab", "a ", " b", "zq qz", "a b c"] {
        gguf_refusal(|vocabulary| vocabulary.merges = vec![merge.into()]);
    }
    let half = "a".repeat(5000);
    gguf_refusal(|vocabulary| vocabulary.merges = vec![format!("{half} {half}")]);
}
