//! Which tokens end an answer.

use std::collections::HashSet;

use serde_json::Value;

use super::{Error, Result};

/// Tokens that end a turn in the chat formats in use. One counts if the model's template writes it: then the model has
/// learnt to end its turn with it, even where `config.json` still names only the base model's end-of-text token. In a GGUF file, which
/// often names one of them, each counts that is a control token.
const ENDS_OF_TURN: [&str; 7] =
    ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>", "<|end_of_text|>", "<|endoftext|>"];

/// Gathers ids; those outside the vocabulary are told apart, since no model can answer with them.
pub(super) struct EndOfText<'a> {
    id_of: &'a dyn Fn(&str) -> Option<u32>,
    size: usize,
    ids: Vec<u32>,
    outside: Vec<u32>,
}

impl<'a> EndOfText<'a> {
    pub(super) fn new(size: usize, id_of: &'a dyn Fn(&str) -> Option<u32>) -> Self {
        Self { id_of, size, ids: Vec::new(), outside: Vec::new() }
    }

    pub(super) fn id(&mut self, id: u32) {
        if (id as usize) < self.size { self.ids.push(id) } else { self.outside.push(id) }
    }

    /// `eos_token_id` of a configuration: a number, a list of them, or nothing.
    pub(super) fn configured(&mut self, file: &str, ids: &Value) -> Result<()> {
        let wrong = || Error::malformed(format!("eos_token_id of {file}"), "a token id or a list of them", ids);
        let list = match ids {
            Value::Null => return Ok(()),
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        for id in list {
            self.id(id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(wrong)?);
        }
        Ok(())
    }

    pub(super) fn template(&mut self, template: &str) {
        self.known(|token, _| template.contains(token));
    }

    pub(super) fn among(&mut self, control: &HashSet<u32>) {
        self.known(|_, id| control.contains(&id));
    }

    fn known(&mut self, counts: impl Fn(&str, u32) -> bool) {
        for token in ENDS_OF_TURN {
            if let Some(id) = (self.id_of)(token).filter(|id| counts(token, *id)) {
                self.id(id);
            }
        }
    }

    /// The ids in ascending order, and a warning for each that the vocabulary does not have.
    pub(super) fn finish(mut self) -> (Vec<u32>, Vec<String>) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.outside.dedup();
        let warning = |id| format!("the end-of-text token {id} is not in the vocabulary of {} tokens", self.size);
        (self.ids, self.outside.iter().map(warning).collect())
    }
}
