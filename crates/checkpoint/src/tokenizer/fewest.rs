//! How few tokens a text has at least, known from its length alone: a text of megabytes can be refused without reading it.

use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{ModelWrapper, SplitDelimiterBehavior, Tokenizer};

use super::pieces::Pieces;

/// The bytes that Unicode's composition makes one of, at most: six of U+1FE7's parts become its three, nine of a Hangul
/// syllable's its three.
const COMPOSED: usize = 3;

/// The most bytes of a text that one token can stand for; `None` if there is no such number, or none that we know of, because
/// something on the way drops text or makes one token of any length of it.
pub(super) fn most_bytes_of_a_token(encoder: &Tokenizer, pieces: &Pieces) -> Option<usize> {
    let ModelWrapper::BPE(_) = encoder.get_model() else { return None };
    let shrinks = encoder.get_normalizer().map_or(Some(1), shrinking)?;
    let drops = encoder.get_pre_tokenizer().is_some_and(drops_text);
    let swallows = encoder.get_added_tokens_decoder().values().any(|token| token.lstrip || token.rstrip);
    let longest = pieces.longest_of_every_byte()?;
    (!drops && !swallows).then(|| longest * shrinks)
}

/// How many bytes become one, at most.
fn shrinking(normalizer: &NormalizerWrapper) -> Option<usize> {
    match normalizer {
        NormalizerWrapper::NFC(_) => Some(COMPOSED),
        NormalizerWrapper::NFD(_) | NormalizerWrapper::Prepend(_) | NormalizerWrapper::ByteLevel(_) => Some(1),
        NormalizerWrapper::Replace(replace) => {
            let written = serde_json::to_value(replace).ok()?;
            let pattern = written.get("pattern")?.get("String")?.as_str()?;
            (pattern.len() <= replace.content.len()).then_some(1)
        }
        NormalizerWrapper::Sequence(several) => several.as_ref().iter().map(shrinking).product(),
        _ => None,
    }
}

fn drops_text(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    match pre_tokenizer {
        PreTokenizerWrapper::ByteLevel(_) | PreTokenizerWrapper::Metaspace(_) | PreTokenizerWrapper::Digits(_) => false,
        PreTokenizerWrapper::Split(split) => split.behavior == SplitDelimiterBehavior::Removed,
        PreTokenizerWrapper::Sequence(several) => several.as_ref().iter().any(drops_text),
        _ => true,
    }
}
