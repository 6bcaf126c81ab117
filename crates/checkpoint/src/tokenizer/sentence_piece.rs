//! SentencePiece's pair encoding (`tokenizer.ggml.model` = `llama`).
//!
//! Such a vocabulary has no list of merges: at each step the neighbours whose union has the best score are joined, the
//! leftmost first. The same comes of a list of all pairs that make up a token, in the order of the token's score, and that
//! the `tokenizers` library can work with.

use std::cmp::Ordering;

use tokenizers::NormalizerWrapper;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{Prepend, Replace, Sequence};

use super::decoding::{ByteTokens, Decoding, SPACE_MARK};
use super::gguf_vocabulary::{GgufVocabulary, Recipe, TokenType};
use super::{Error, Result};

pub(super) fn recipe(vocabulary: &GgufVocabulary) -> Result<Recipe> {
    check_scores(vocabulary)?;
    let ids = vocabulary.ids();
    let bytes = vocabulary.bytes();
    let space_prefix = vocabulary.add_space_prefix.unwrap_or(true);
    Ok(Recipe {
        model: model(vocabulary, ids, !bytes.is_empty())?,
        normalizer: Some(normalizer(space_prefix)?),
        pre_tokenizer: None,
        decoding: Decoding::Characters {
            replacements: vec![(SPACE_MARK.into(), " ".into())],
            byte_tokens: ByteTokens::Ids(bytes),
            strip: usize::from(space_prefix),
        },
        adds_bos: true,
    })
}

fn check_scores(vocabulary: &GgufVocabulary) -> Result<()> {
    if vocabulary.scores.len() != vocabulary.tokens.len() {
        return Err(Error::malformed("the length of scores", vocabulary.tokens.len().to_string(), vocabulary.scores.len()));
    }
    match vocabulary.scores.iter().find(|score| score.is_nan()) {
        Some(score) => Err(Error::malformed("scores", "numbers", score)),
        None => Ok(()),
    }
}

fn model(vocabulary: &GgufVocabulary, ids: Vocab, byte_fallback: bool) -> Result<BPE> {
    let merges = merges(vocabulary, &ids);
    let mut builder = BPE::builder().vocab_and_merges(ids, merges).byte_fallback(byte_fallback).fuse_unk(true);
    if let Some(unknown) = vocabulary.unk.and_then(|id| vocabulary.tokens.get(id as usize)) {
        builder = builder.unk_token(unknown.clone());
    }
    builder.build().map_err(Error::library)
}

/// Spaces become marks; and each stretch of plain text begins with one, after a special token too.
fn normalizer(space_prefix: bool) -> Result<NormalizerWrapper> {
    let mark = SPACE_MARK.to_string();
    let mut steps = Vec::new();
    if space_prefix {
        steps.push(Prepend::new(mark.clone()).into());
    }
    steps.push(Replace::new(" ", mark).map_err(Error::library)?.into());
    Ok(Sequence::new(steps).into())
}

/// A pair of tokens that make up a third.
struct Pair<'a> {
    left: &'a str,
    right: &'a str,
    score: f32,
}

fn merges(vocabulary: &GgufVocabulary, ids: &Vocab) -> Merges {
    let joins = |token: &str| {
        let id = ids.get(token).copied();
        id.is_some_and(|id| vocabulary.token_type(id as usize) == TokenType::Normal)
    };
    let mut pairs = Vec::new();
    for (token, &score) in vocabulary.tokens.iter().zip(&vocabulary.scores) {
        if !joins(token) {
            continue;
        }
        let cuts = token.char_indices().skip(1).map(|(cut, _)| token.split_at(cut));
        pairs.extend(cuts.filter(|(left, right)| joins(left) && joins(right)).map(|(left, right)| Pair {
            left,
            right,
            score,
        }));
    }
    pairs.sort_by(|a, b| better(a, b, ids));
    pairs.into_iter().map(|pair| (pair.left.to_owned(), pair.right.to_owned())).collect()
}

/// Pairs of equal score stand in the order of their tokens, so that the list is the same each time.
fn better(a: &Pair<'_>, b: &Pair<'_>, ids: &Vocab) -> Ordering {
    let place = |pair: &Pair<'_>| (ids.get(pair.left).copied(), ids.get(pair.right).copied());
    b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
}
