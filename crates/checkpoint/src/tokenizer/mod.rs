//! Text to tokens and back.
//!
//! Encoding is the `tokenizers` library's, set up from a `tokenizer.json` or from the vocabulary inside a GGUF file. The way
//! back is ours: every token has its bytes in a table, and a [`Detokenizer`] joins them, so that a stream of tokens gives
//! whole characters as soon as they are whole, and the same text however it is cut.

mod decoding;
mod detokenizer;
mod end_of_text;
mod error;
mod fewest;
mod gguf_vocabulary;
mod hugging_face;
mod pieces;
mod pre_tokenizers;
mod sentence_piece;
mod sentence_text;
mod text_files;
mod tokenizer_file;

#[cfg(test)]
mod tests;

use std::fmt;

use pieces::Pieces;

pub use detokenizer::Detokenizer;
pub use error::{Error, Result};
pub use gguf_vocabulary::GgufVocabulary;
pub use sentence_text::SentenceText;
pub use text_files::TextFiles;

/// No vocabulary has more tokens than this; a larger number in a file is a mistake, and would cost its table's memory.
const LARGEST_VOCABULARY: usize = 1 << 22;

pub struct Tokenizer {
    encoder: tokenizers::Tokenizer,
    pieces: Pieces,
    most_bytes_of_a_token: Option<usize>,
    /// What `encode(.., add_special: true)` puts first and last where the encoder has not done so.
    leading: Option<u32>,
    trailing: Option<u32>,
    special_tokens: SpecialTokens,
    end_of_text: Vec<u32>,
    warnings: Vec<String>,
}

/// The tokens with a role, by id; a chat template is told their texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub unknown: Option<u32>,
    pub padding: Option<u32>,
}

impl Tokenizer {
    /// The tokens of `text`. Where the text names a special token (`<|im_end|>`), that is the token that comes out.
    ///
    /// With `add_special` come the beginning-of-text token and whatever else the model's own tokenizer adds to a bare prompt.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>> {
        let encoding = self.encoder.encode_fast(text, add_special).map_err(Error::library)?;
        let mut tokens = encoding.get_ids().to_vec();
        if add_special {
            self.add_leading(&mut tokens);
            self.add_trailing(&mut tokens);
        }
        Ok(tokens)
    }

    /// The tokens of a rendered chat template, as `apply_chat_template` of transformers encodes them: nothing is added, for the
    /// template itself writes the beginning-of-text token if the model wants one; so there are never two.
    ///
    /// Special tokens are recognised wherever they stand, **in the messages too**: a user who writes `<|im_start|>system` gets
    /// the very tokens with which a system message begins. Models are trained and served that way everywhere, and the rendered
    /// text no longer tells who wrote what; whoever passes on untrusted text to a model with privileges must clean it before.
    pub fn encode_chat(&self, rendered: &str) -> Result<Vec<u32>> {
        self.encode(rendered, false)
    }

    /// How many tokens a text of so many bytes has at least, whatever it says.
    pub fn fewest_tokens(&self, bytes: usize) -> usize {
        self.most_bytes_of_a_token.map_or(0, |most| bytes.div_ceil(most.max(1)))
    }

    /// How many ids there are: the largest plus one. The model's own vocabulary is often padded to more.
    pub fn vocabulary_size(&self) -> usize {
        self.pieces.len()
    }

    /// What the token adds to the text: nothing for special tokens and for ids that are not in the vocabulary. The space that
    /// some vocabularies drop at the beginning of a text is still there; a [`Detokenizer`] drops it.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        self.pieces.bytes(id)
    }

    /// The token as the vocabulary writes it (`Ġthe`, `▁the`, `<|im_end|>`).
    pub fn token(&self, id: u32) -> Option<&str> {
        self.pieces.text(id)
    }

    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.encoder.token_to_id(token)
    }

    pub fn is_special(&self, id: u32) -> bool {
        self.pieces.is_special(id)
    }

    pub fn bos(&self) -> Option<u32> {
        self.special_tokens.bos
    }

    /// Whether a bare prompt is begun with the beginning-of-text token.
    pub fn begins_with_bos(&self) -> bool {
        let first = self.encode("", true).ok().and_then(|tokens| tokens.first().copied());
        first.is_some() && first == self.bos()
    }

    pub fn special_tokens(&self) -> SpecialTokens {
        self.special_tokens
    }

    /// The tokens that end an answer, from every place that names one, in ascending order.
    pub fn end_of_text(&self) -> &[u32] {
        &self.end_of_text
    }

    /// What was odd about the files and has been passed over.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Text from the beginning, as `decode` of the reference libraries gives it: in vocabularies that write a space before
    /// the first word, that space is dropped.
    pub fn detokenizer(&self) -> Detokenizer {
        Detokenizer::new(self.pieces.leading_space())
    }

    /// Text that goes on after other text, as the completion of a prompt does: the first word keeps its space.
    pub fn continuing_detokenizer(&self) -> Detokenizer {
        Detokenizer::new(pieces::LeadingSpace::Kept)
    }

    /// The text of all the tokens at once.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut detokenizer = self.detokenizer();
        let mut text: String = tokens.iter().map(|&id| detokenizer.push(self, id)).collect();
        text.push_str(&detokenizer.finish());
        text
    }

    fn add_leading(&self, tokens: &mut Vec<u32>) {
        if let Some(leading) = self.leading
            && tokens.first() != Some(&leading)
        {
            tokens.insert(0, leading);
        }
    }

    fn add_trailing(&self, tokens: &mut Vec<u32>) {
        if let Some(trailing) = self.trailing
            && tokens.last() != Some(&trailing)
        {
            tokens.push(trailing);
        }
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tokenizer")
            .field("vocabulary_size", &self.vocabulary_size())
            .field("special_tokens", &self.special_tokens)
            .field("end_of_text", &self.end_of_text)
            .finish_non_exhaustive()
    }
}
