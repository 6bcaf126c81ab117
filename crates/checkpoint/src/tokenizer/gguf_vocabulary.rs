//! The vocabulary inside a GGUF file (`tokenizer.ggml.*`), and the tokenizer it describes.

use std::collections::HashSet;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper};

use super::decoding::{Decoding, byte_of_token};
use super::end_of_text::EndOfText;
use super::fewest::most_bytes_of_a_token;
use super::pieces::Pieces;
use super::tokenizer_file::check_merge;
use super::{Error, LARGEST_VOCABULARY, Result, SpecialTokens, Tokenizer, pre_tokenizers, sentence_piece};

/// The values of the metadata keys, unchecked. A list that the file does not have is empty.
#[derive(Clone, Debug, Default)]
pub struct GgufVocabulary {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level pairs) or `llama` (SentencePiece pairs).
    pub model: String,
    /// `tokenizer.ggml.pre`.
    pub pre: Option<String>,
    pub tokens: Vec<String>,
    pub scores: Vec<f32>,
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub token_types: Vec<i32>,
    pub merges: Vec<String>,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub eot: Option<u32>,
    pub eom: Option<u32>,
    pub unk: Option<u32>,
    pub pad: Option<u32>,
    pub add_bos: Option<bool>,
    pub add_eos: Option<bool>,
    pub add_space_prefix: Option<bool>,
    pub chat_template: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenType {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// What the two kinds of vocabulary differ in.
pub(super) struct Recipe {
    pub(super) model: BPE,
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(super) decoding: Decoding,
    pub(super) adds_bos: bool,
}

impl Tokenizer {
    pub fn from_gguf(vocabulary: &GgufVocabulary) -> Result<Self> {
        vocabulary.check()?;
        let recipe = match vocabulary.model.as_str() {
            "gpt2" => byte_level_pairs(vocabulary)?,
            "llama" => sentence_piece::recipe(vocabulary)?,
            model => return Err(Error::Model { model: model.into() }),
        };
        let mut encoder = tokenizers::Tokenizer::new(recipe.model);
        encoder.with_normalizer(recipe.normalizer).map_err(Error::library)?.with_pre_tokenizer(recipe.pre_tokenizer);

        let special = vocabulary.special_ids();
        encoder.add_tokens(vocabulary.added_tokens(&special)).map_err(Error::library)?;
        let pieces =
            Pieces::new((0..).zip(vocabulary.tokens.iter().cloned()), &recipe.decoding, |id| special.contains(&id))?;
        let end_of_text = vocabulary.end_of_text(&encoder, &special);
        Ok(Self {
            most_bytes_of_a_token: most_bytes_of_a_token(&encoder, &pieces),
            encoder,
            pieces,
            leading: vocabulary.bos.filter(|_| vocabulary.add_bos.unwrap_or(recipe.adds_bos)),
            trailing: vocabulary.eos.filter(|_| vocabulary.add_eos == Some(true)),
            special_tokens: vocabulary.special_tokens(),
            end_of_text,
            warnings: Vec::new(),
        })
    }
}

impl GgufVocabulary {
    fn check(&self) -> Result<()> {
        let size = self.tokens.len();
        if size == 0 || size > LARGEST_VOCABULARY {
            return Err(Error::malformed("the number of tokens", format!("1 to {LARGEST_VOCABULARY}"), size));
        }
        for (name, length) in [("scores", self.scores.len()), ("token_type", self.token_types.len())] {
            if length != 0 && length != size {
                return Err(Error::malformed(
                    format!("the length of {name}"),
                    format!("{size}, one for each token"),
                    length,
                ));
            }
        }
        let roles = [("bos", self.bos), ("eos", self.eos), ("eot", self.eot), ("eom", self.eom), ("unknown", self.unk)];
        for (role, id) in roles.into_iter().chain([("padding", self.pad)]) {
            if let Some(id) = id.filter(|&id| id as usize >= size) {
                return Err(Error::malformed(format!("the {role} token"), format!("an id below {size}"), id));
            }
        }
        Ok(())
    }

    pub(super) fn token_type(&self, index: usize) -> TokenType {
        match self.token_types.get(index) {
            Some(2) => TokenType::Unknown,
            Some(3) => TokenType::Control,
            Some(4) => TokenType::UserDefined,
            Some(5) => TokenType::Unused,
            Some(6) => TokenType::Byte,
            _ => TokenType::Normal,
        }
    }

    /// Control tokens, and those with a role that converters have left as normal ones.
    fn special_ids(&self) -> HashSet<u32> {
        let control = |&index: &usize| matches!(self.token_type(index), TokenType::Control | TokenType::Unknown);
        let control = (0..self.tokens.len()).filter(control).map(|index| index as u32);
        control.chain([self.bos, self.eos, self.eot, self.eom].into_iter().flatten()).collect()
    }

    /// The tokens that are found in a text before anything else is.
    fn added_tokens(&self, special: &HashSet<u32>) -> Vec<AddedToken> {
        let added = |(index, token): (usize, &String)| {
            let special = special.contains(&(index as u32));
            let added = special || self.token_type(index) == TokenType::UserDefined;
            added.then(|| AddedToken::from(token.as_str(), special).normalized(false))
        };
        self.tokens.iter().enumerate().filter_map(added).collect()
    }

    fn special_tokens(&self) -> SpecialTokens {
        SpecialTokens { bos: self.bos, eos: self.eos, unknown: self.unk, padding: self.pad }
    }

    fn end_of_text(&self, encoder: &tokenizers::Tokenizer, special: &HashSet<u32>) -> Vec<u32> {
        let id_of = |token: &str| encoder.token_to_id(token);
        let mut found = EndOfText::new(self.tokens.len(), &id_of);
        [self.eos, self.eot, self.eom].into_iter().flatten().for_each(|id| found.id(id));
        if let Some(template) = &self.chat_template {
            found.template(template);
        }
        found.among(special);
        found.finish().0
    }

    /// Whether any token of a text is more than a byte.
    fn has_long_words(&self) -> bool {
        let special = self.special_ids();
        (0..).zip(&self.tokens).any(|(id, token)| {
            let of_text = self.token_type(id as usize) == TokenType::Normal && !special.contains(&id);
            of_text && token.chars().nth(1).is_some()
        })
    }

    pub(super) fn ids(&self) -> Vocab {
        self.tokens.iter().cloned().zip(0..).collect()
    }

    pub(super) fn bytes(&self) -> HashSet<u32> {
        let is_byte =
            |(index, token): &(usize, &String)| self.token_type(*index) == TokenType::Byte && byte_of_token(token).is_some();
        self.tokens.iter().enumerate().filter(is_byte).map(|(index, _)| index as u32).collect()
    }
}

fn byte_level_pairs(vocabulary: &GgufVocabulary) -> Result<Recipe> {
    if vocabulary.merges.is_empty() && vocabulary.has_long_words() {
        return Err(Error::malformed("tokenizer.ggml.merges", "the pairs that longer tokens are made of", "none"));
    }
    let pre_tokenizer = pre_tokenizers::find(vocabulary.pre.as_deref())?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.ids(), merges(vocabulary)?)
        .ignore_merges(pre_tokenizer.whole_words)
        .build()
        .map_err(Error::library)?;
    Ok(Recipe {
        model,
        normalizer: pre_tokenizer.normalizer(),
        pre_tokenizer: Some(pre_tokenizer.build()?),
        decoding: Decoding::ByteLevel,
        adds_bos: pre_tokenizer.adds_bos,
    })
}

/// "left right", best first.
fn merges(vocabulary: &GgufVocabulary) -> Result<Vec<(String, String)>> {
    let longest = vocabulary.tokens.iter().map(String::len).max().unwrap_or(0);
    let pair = |(rank, merge): (usize, &String)| {
        let malformed =
            || Error::malformed(format!("merge {rank}"), "two tokens with a space between", format!("{merge:?}"));
        let (left, right) = merge.split_once(' ').ok_or_else(malformed)?;
        check_merge(rank, left, right, longest)?;
        Ok((left.to_owned(), right.to_owned()))
    };
    vocabulary.merges.iter().enumerate().map(pair).collect()
}
