//! Tokens to text while they come.

use super::Tokenizer;
use super::pieces::LeadingSpace;

/// Joins the bytes of tokens and hands out the characters that are whole.
///
/// What all pushes and `finish` return, joined, is the lossy UTF-8 of all bytes joined, wherever the tokens cut a character:
/// bytes that are no character come out as U+FFFD as soon as it is certain that they are none.
#[derive(Clone, Debug)]
pub struct Detokenizer {
    leading_space: LeadingSpace,
    pending: Vec<u8>,
}

impl Detokenizer {
    pub(super) fn new(leading_space: LeadingSpace) -> Self {
        Self { leading_space, pending: Vec::new() }
    }

    /// The text that has become whole with this token; often empty, for special tokens always.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> String {
        if tokenizer.pieces.is_text(id) {
            self.append(tokenizer, id);
        }
        self.take_whole()
    }

    /// The rest: U+FFFD where a character was begun and not ended.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }

    fn append(&mut self, tokenizer: &Tokenizer, id: u32) {
        let mut bytes = tokenizer.bytes_of(id);
        match self.leading_space {
            LeadingSpace::Kept => {}
            LeadingSpace::Stripped { mut spaces } => {
                while spaces > 0
                    && let [b' ', rest @ ..] = bytes
                {
                    bytes = rest;
                    spaces -= 1;
                }
                let over = spaces == 0 || !bytes.is_empty();
                self.leading_space = if over { LeadingSpace::Kept } else { LeadingSpace::Stripped { spaces } };
            }
            LeadingSpace::FirstTokenLoses { mark } => {
                self.leading_space = LeadingSpace::Kept;
                let text = tokenizer.token(id).unwrap_or_default();
                self.pending.extend(text.replace(mark, "").into_bytes());
                return;
            }
        }
        self.pending.extend_from_slice(bytes);
    }

    fn take_whole(&mut self) -> String {
        let mut text = String::new();
        let mut taken = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            taken += chunk.valid().len();
            let last = taken + chunk.invalid().len() == self.pending.len();
            if last && may_still_become_a_character(chunk.invalid()) {
                break;
            }
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                taken += chunk.invalid().len();
            }
        }
        self.pending.drain(..taken);
        text
    }
}

/// Whether the bytes, being the last ones so far, are the beginning of a character.
fn may_still_become_a_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
