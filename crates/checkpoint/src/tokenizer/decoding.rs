//! From the text of a token, as the vocabulary writes it, to the bytes that it stands for.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde_json::Value;

use super::pieces::LeadingSpace;
use super::{Error, Result};

/// The character that SentencePiece vocabularies write for a space.
pub(super) const SPACE_MARK: char = '\u{2581}';

#[derive(Debug)]
pub(super) enum Decoding {
    /// Each character stands for one byte, as in GPT-2's vocabulary.
    ByteLevel,
    /// Characters stand for themselves, but for some that are replaced, and for byte tokens (`<0x0A>`).
    Characters {
        replacements: Vec<(String, String)>,
        byte_tokens: ByteTokens,
        strip: usize,
    },
    Metaspace {
        mark: char,
        first_loses_marks: bool,
    },
}

/// Which of the tokens that look like `<0x0A>` are bytes.
#[derive(Debug)]
pub(super) enum ByteTokens {
    None,
    EveryOneThatLooksLikeIt,
    Ids(HashSet<u32>),
}

impl Decoding {
    /// What the `decoder` of a `tokenizer.json` describes. Another one than those known would give wrong text without a
    /// word, and so is an error.
    pub(super) fn parse(decoder: &Value) -> Result<Self> {
        match kind(decoder) {
            "ByteLevel" => Ok(Self::ByteLevel),
            "Metaspace" => Self::metaspace(decoder),
            "Sequence" => Self::sequence(decoder),
            name => Err(Error::Decoder { name: name.into() }),
        }
    }

    fn metaspace(decoder: &Value) -> Result<Self> {
        let mark = match decoder["replacement"].as_str().map(|text| text.chars().collect::<Vec<_>>()).as_deref() {
            Some(&[mark]) => mark,
            None => SPACE_MARK,
            Some(_) => return Err(Error::malformed("decoder.replacement", "one character", &decoder["replacement"])),
        };
        let never = decoder["prepend_scheme"] == "never" || decoder["add_prefix_space"] == false;
        Ok(Self::Metaspace { mark, first_loses_marks: !never })
    }

    fn sequence(decoder: &Value) -> Result<Self> {
        let steps = decoder["decoders"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let [only] = steps
            && kind(only) != "Fuse"
        {
            return Self::parse(only);
        }
        let (mut replacements, mut byte_tokens, mut strip, mut fused) = (Vec::new(), ByteTokens::None, 0, false);
        for step in steps {
            match (kind(step), fused) {
                ("Replace", false) => replacements.push(replacement(step)?),
                ("ByteFallback", false) => byte_tokens = ByteTokens::EveryOneThatLooksLikeIt,
                ("Fuse", _) => fused = true,
                ("Strip", true) => strip = stripped(step)?.max(strip),
                (name, _) => return Err(Error::Decoder { name: format!("Sequence with {name}") }),
            }
        }
        Ok(Self::Characters { replacements, byte_tokens, strip })
    }

    pub(super) fn leading_space(&self) -> LeadingSpace {
        match *self {
            Self::Characters { strip: spaces @ 1.., .. } => LeadingSpace::Stripped { spaces },
            Self::Metaspace { mark, first_loses_marks: true } => LeadingSpace::FirstTokenLoses { mark },
            _ => LeadingSpace::Kept,
        }
    }

    pub(super) fn bytes(&self, id: u32, token: &str) -> Box<[u8]> {
        match self {
            Self::ByteLevel => byte_level(token),
            Self::Characters { replacements, byte_tokens, .. } => {
                if let Some(byte) = byte_tokens.byte(id, token) {
                    return Box::new([byte]);
                }
                let text = replacements.iter().fold(token.to_owned(), |text, (from, to)| text.replace(from, to));
                text.into_bytes().into()
            }
            Self::Metaspace { mark, .. } => token.replace(*mark, " ").into_bytes().into(),
        }
    }
}

impl ByteTokens {
    fn byte(&self, id: u32, token: &str) -> Option<u8> {
        let counts = match self {
            Self::None => false,
            Self::EveryOneThatLooksLikeIt => true,
            Self::Ids(ids) => ids.contains(&id),
        };
        if counts { byte_of_token(token) } else { None }
    }
}

/// The byte that a token such as `<0x0A>` names.
pub(super) fn byte_of_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let hexadecimal = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if hexadecimal { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// A token with a character outside the alphabet of bytes is one that somebody added as it stands.
fn byte_level(token: &str) -> Box<[u8]> {
    static BYTES: LazyLock<HashMap<char, u8>> = LazyLock::new(byte_alphabet);
    let bytes: Option<Box<[u8]>> = token.chars().map(|character| BYTES.get(&character).copied()).collect();
    bytes.unwrap_or_else(|| token.as_bytes().into())
}

/// GPT-2's alphabet: printable Latin-1 characters stand for their own byte, and the other bytes, in order, for the characters
/// from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut others = 0x100..;
    (0..=u8::MAX)
        .filter_map(|byte| match byte {
            b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => Some((char::from(byte), byte)),
            _ => others.next().and_then(char::from_u32).map(|character| (character, byte)),
        })
        .collect()
}

fn kind(decoder: &Value) -> &str {
    if decoder.is_null() { "none" } else { decoder["type"].as_str().unwrap_or("without a type") }
}

fn replacement(step: &Value) -> Result<(String, String)> {
    match (step["pattern"]["String"].as_str(), step["content"].as_str()) {
        (Some(from), Some(to)) => Ok((from.into(), to.into())),
        _ => Err(Error::Decoder { name: "Replace of a regular expression".into() }),
    }
}

fn stripped(step: &Value) -> Result<usize> {
    match (step["content"].as_str(), step["start"].as_u64(), step["stop"].as_u64()) {
        (Some(" "), Some(start), Some(0)) => Ok(usize::try_from(start).unwrap_or(usize::MAX)),
        _ => Err(Error::Decoder { name: "Strip of something else than leading spaces".into() }),
    }
}
