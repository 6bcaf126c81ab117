//! Text to tokens for models that read it and write none.

use std::fmt;

use super::tokenizer_file::TokenizerFile;
use super::{Error, Result, TextFiles};

/// The tokenizer of a sentence encoder.
pub struct SentenceText {
    encoder: tokenizers::Tokenizer,
    /// What is put before every text.
    prefix: String,
    most_tokens: usize,
}

impl SentenceText {
    /// `most_tokens`: of a text with what is put around it.
    pub fn new(files: &TextFiles, prefix: &str, most_tokens: usize) -> Result<Self> {
        let encoder = TokenizerFile::reader(&files.tokenizer)?;
        Ok(Self { encoder, prefix: prefix.to_owned(), most_tokens })
    }

    /// All tokens of a text, those that are put around it included. There may be more than the model reads.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = match self.prefix.as_str() {
            "" => self.encoder.encode_fast(text, true),
            prefix => self.encoder.encode_fast(format!("{prefix}{text}"), true),
        };
        Ok(encoding.map_err(Error::library)?.get_ids().to_vec())
    }

    /// The tokens that the model reads of these: the beginning, and the one that ends a text.
    pub fn cut(&self, tokens: &mut Vec<u32>) {
        if tokens.len() > self.most_tokens {
            let last = tokens[tokens.len() - 1];
            tokens.truncate(self.most_tokens - 1);
            tokens.push(last);
        }
    }
}

impl fmt::Debug for SentenceText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, most_tokens, .. } = self;
        formatter
            .debug_struct("SentenceText")
            .field("prefix", prefix)
            .field("most_tokens", most_tokens)
            .finish_non_exhaustive()
    }
}
