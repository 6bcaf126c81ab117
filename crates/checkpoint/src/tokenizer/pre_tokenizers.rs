//! How a text is cut into words before pairs are merged, by the name that GGUF files give it (`tokenizer.ggml.pre`).
//!
//! The expressions are those of the models' own `tokenizer.json` files.

use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::{Error, Result};

#[derive(Debug)]
pub(super) struct PreTokenizer {
    name: &'static str,
    aliases: &'static [&'static str],
    /// Each cuts the pieces that the one before has left.
    expressions: &'static [&'static str],
    /// Whether the text is first brought into Unicode's composed form.
    pub(super) composed: bool,
    /// Whether a word that is a token as a whole is taken as one, whatever the merges say.
    pub(super) whole_words: bool,
    /// Whether a text begins with the beginning-of-text token if the file does not say.
    pub(super) adds_bos: bool,
}

const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

static ALL: [PreTokenizer; 6] = [
    PreTokenizer {
        name: "llama-bpe",
        aliases: &["llama3", "llama-v3"],
        expressions: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        composed: false,
        whole_words: true,
        adds_bos: true,
    },
    PreTokenizer {
        name: "qwen2",
        aliases: &["deepseek-r1-qwen"],
        expressions: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        composed: true,
        whole_words: false,
        adds_bos: false,
    },
    PreTokenizer {
        name: "gpt-2",
        aliases: &["phi-2"],
        expressions: &[GPT_2],
        composed: false,
        whole_words: false,
        adds_bos: false,
    },
    PreTokenizer {
        name: "smollm",
        aliases: &[],
        expressions: &[r"\p{N}", GPT_2],
        composed: false,
        whole_words: false,
        adds_bos: false,
    },
    PreTokenizer {
        name: "tekken",
        aliases: &[],
        expressions: &[
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        composed: false,
        whole_words: true,
        adds_bos: true,
    },
    PreTokenizer {
        name: "default",
        aliases: &[],
        expressions: &[
            r"[\p{P}\$\+<=>\^~\|]+",
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
            r"\p{N}+",
            r"[0-9][0-9][0-9]",
        ],
        composed: false,
        whole_words: false,
        adds_bos: false,
    },
];

/// The names, for people.
pub(super) fn known() -> String {
    ALL.each_ref().map(|known| known.name).join(", ")
}

/// A file without a name was written before there were any, and means `default`.
pub(super) fn find(name: Option<&str>) -> Result<&'static PreTokenizer> {
    let name = name.unwrap_or("default");
    ALL.iter()
        .find(|known| known.name == name || known.aliases.contains(&name))
        .ok_or_else(|| Error::PreTokenizer { name: name.into() })
}

impl PreTokenizer {
    pub(super) fn normalizer(&self) -> Option<NormalizerWrapper> {
        self.composed.then(|| NFC.into())
    }

    /// The cuts, and then every byte as a character of the vocabulary's alphabet.
    pub(super) fn build(&self) -> Result<PreTokenizerWrapper> {
        let mut steps = Vec::new();
        for expression in self.expressions {
            let pattern = SplitPattern::Regex((*expression).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(Error::library)?;
            steps.push(split.into());
        }
        steps.push(ByteLevel::new(false, true, false).into());
        Ok(Sequence::new(steps).into())
    }
}
