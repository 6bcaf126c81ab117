//! The tokenizers against the reference libraries' answers; `fixtures/text/make_tokenizers.py` has made these.

mod broken_files;
mod byte_level;
mod detokenizing;
mod roles;
mod sentence_piece;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{GgufVocabulary, TextFiles, Tokenizer};

fn fixture(name: &str) -> Value {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/text").join(name);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn files(tokenizer: &Value) -> TextFiles {
    TextFiles { tokenizer: serde_json::to_vec(tokenizer).unwrap(), ..TextFiles::default() }
}

fn ids(list: &Value) -> Vec<u32> {
    serde_json::from_value(list.clone()).unwrap()
}

/// The vocabulary of a `tokenizer.json` as a converter puts it into a GGUF file.
fn gguf(tokenizer: &Value, model: &str) -> GgufVocabulary {
    let mut tokens: Vec<(u64, String)> = tokenizer["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (id.as_u64().unwrap(), token.clone()))
        .collect();
    let mut types = vec![1; tokens.len()];
    for added in tokenizer["added_tokens"].as_array().unwrap() {
        let id = added["id"].as_u64().unwrap();
        if id as usize >= types.len() {
            types.push(1);
            tokens.push((id, added["content"].as_str().unwrap().to_owned()));
        }
        types[id as usize] = if added["special"] == true { 3 } else { 4 };
    }
    tokens.sort_unstable();
    let merge = |pair: &Value| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    GgufVocabulary {
        model: model.into(),
        tokens: tokens.into_iter().map(|(_, token)| token).collect(),
        token_types: types,
        merges: tokenizer["model"]["merges"].as_array().unwrap().iter().map(merge).collect(),
        ..GgufVocabulary::default()
    }
}

/// Every text's ids, with and without special tokens, and the text that comes of them.
fn check(name: &str, tokenizer: &Tokenizer, encodings: &Value) {
    for expected in encodings.as_array().unwrap() {
        let text = expected["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, false).unwrap(), ids(&expected["ids"]), "{name}: {text:?}");
        assert!(tokenizer.fewest_tokens(text.len()) <= ids(&expected["ids"]).len(), "{name}, at least: {text:?}");
        let with_special = tokenizer.encode(text, true).unwrap();
        assert_eq!(with_special, ids(&expected["with_special"]), "{name}, with special tokens: {text:?}");
        assert_eq!(tokenizer.decode(&with_special), expected["decoded"], "{name}, decoded: {text:?}");
    }
}
