//! The files of a Hugging Face directory that have to do with text, read but not yet understood.

use std::io::{self, ErrorKind};
use std::path::Path;

use serde_json::Value;

use super::{Error, Result};
use crate::plain_file;

/// A file that is not there is `None`, or null.
#[derive(Clone, Debug, Default)]
pub struct TextFiles {
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `tokenizer_config.json`.
    pub tokenizer_config: Value,
    /// `special_tokens_map.json`, where older directories name what `tokenizer_config.json` does not.
    pub special_tokens_map: Value,
    /// `config.json`.
    pub config: Value,
    /// `generation_config.json`.
    pub generation_config: Value,
    /// `chat_template.jinja`.
    pub chat_template: Option<String>,
}

impl TextFiles {
    pub fn read(directory: &Path) -> Result<Self> {
        let file = directory.join("tokenizer.json");
        Ok(Self {
            tokenizer: plain_file::read(&file).map_err(|source| Error::Io { file, source })?,
            tokenizer_config: json(directory, "tokenizer_config.json")?,
            special_tokens_map: json(directory, "special_tokens_map.json")?,
            config: json(directory, "config.json")?,
            generation_config: json(directory, "generation_config.json")?,
            chat_template: text(directory, "chat_template.jinja")?,
        })
    }

    /// The text of a token with a role (`bos_token`): a string, or an object with its `content`.
    pub(super) fn token_named(&self, role: &str) -> Option<&str> {
        [&self.tokenizer_config, &self.special_tokens_map].into_iter().find_map(|file| token_text(&file[role]))
    }
}

/// A token is written as a string, or as an object with its `content`.
pub(super) fn token_text(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token["content"].as_str())
}

fn json(directory: &Path, name: &str) -> Result<Value> {
    let Some(text) = text(directory, name)? else { return Ok(Value::Null) };
    serde_json::from_str(&text).map_err(|source| Error::Json { file: directory.join(name), source })
}

fn text(directory: &Path, name: &str) -> Result<Option<String>> {
    let file = directory.join(name);
    match plain_file::read(&file).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other)) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { file, source }),
    }
}
