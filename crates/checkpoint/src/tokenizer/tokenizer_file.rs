//! A `tokenizer.json` looked at before the library reads it, which takes some things on trust and would panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::decoding::Decoding;
use super::{Error, LARGEST_VOCABULARY, Result};

pub(super) struct TokenizerFile {
    pub(super) encoder: tokenizers::Tokenizer,
    pub(super) decoding: Decoding,
}

impl TokenizerFile {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let json = json(bytes)?;
        let decoding = Decoding::parse(&json["decoder"])?;
        Ok(Self { encoder: encoder(bytes, &json)?, decoding })
    }

    /// The half of it that reads: how its tokens would be written does not matter.
    pub(super) fn reader(bytes: &[u8]) -> Result<tokenizers::Tokenizer> {
        encoder(bytes, &json(bytes)?)
    }
}

fn json(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json { file: "tokenizer.json".into(), source })
}

fn encoder(bytes: &[u8], json: &Value) -> Result<tokenizers::Tokenizer> {
    check_vocabulary(&json["model"]["vocab"])?;
    check_merges(&json["model"])?;
    let mut encoder = read(bytes)?;
    // They are the limits of somebody's training run, and transformers does not apply them to a prompt either.
    encoder.with_truncation(None).map_err(Error::library)?.with_padding(None);
    check_added_tokens(&json["added_tokens"], &encoder)?;
    Ok(encoder)
}

/// Checks that a pair of tokens to merge is no longer than the longest token: the library copies it into a buffer of that size.
pub(super) fn check_merge(rank: usize, left: &str, right: &str, longest: usize) -> Result<()> {
    if left.is_empty() || right.is_empty() || left.len() + right.len() > longest {
        let found = format!("{left:?} and {right:?}");
        return Err(Error::malformed(format!("merge {rank}"), "two tokens that make up a third", found));
    }
    Ok(())
}

/// Reads the file and encodes a word, so that what is wrong with it shows now and as an error.
fn read(bytes: &[u8]) -> Result<tokenizers::Tokenizer> {
    let attempt = || {
        let encoder = tokenizers::Tokenizer::from_bytes(bytes)?;
        encoder.encode_fast("a word", true)?;
        Ok(encoder)
    };
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(read) => read.map_err(Error::library),
        Err(_) => Err(Error::malformed("tokenizer.json", "a consistent description", "one that the library gives up on")),
    }
}

/// Ids index a table; Unigram lists its tokens, and then their places are the ids.
fn check_vocabulary(vocabulary: &Value) -> Result<()> {
    let Some(tokens) = vocabulary.as_object() else { return Ok(()) };
    for (token, id) in tokens {
        if id.as_u64().is_none_or(|id| id >= LARGEST_VOCABULARY as u64) {
            let place = format!("the id of the token {token:?}");
            return Err(Error::malformed(place, format!("less than {LARGEST_VOCABULARY}"), id));
        }
    }
    Ok(())
}

fn check_merges(model: &Value) -> Result<()> {
    let Some(merges) = model["merges"].as_array() else { return Ok(()) };
    let prefix = &model["continuing_subword_prefix"];
    if prefix.as_str().is_some_and(|prefix| !prefix.is_empty()) {
        return Err(Error::malformed("model.continuing_subword_prefix", "none", prefix));
    }
    let longest = model["vocab"].as_object().and_then(|tokens| tokens.keys().map(String::len).max()).unwrap_or(0);
    for (rank, merge) in merges.iter().enumerate() {
        let pair = match (merge.as_str(), merge.as_array().map(Vec::as_slice)) {
            (Some(pair), _) => pair.split_once(' '),
            (_, Some([left, right])) => left.as_str().zip(right.as_str()),
            _ => None,
        };
        let Some((left, right)) = pair else {
            return Err(Error::malformed(format!("merge {rank}"), "two tokens", merge));
        };
        check_merge(rank, left, right, longest)?;
    }
    Ok(())
}

/// The library gives an added token the next free id, whatever the file says.
fn check_added_tokens(added: &Value, encoder: &tokenizers::Tokenizer) -> Result<()> {
    for token in added.as_array().into_iter().flatten() {
        let Some(content) = token["content"].as_str().filter(|content| !content.is_empty()) else { continue };
        let given = encoder.token_to_id(content).map(u64::from);
        if given != token["id"].as_u64() {
            let place = format!("the id of the added token {content:?}");
            return Err(Error::malformed(place, format!("{given:?}, the next that is free"), &token["id"]));
        }
    }
    Ok(())
}
