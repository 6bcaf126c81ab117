//! Where a model's template is.

use serde_json::Value;

use super::{DEFAULT, Error, Result, TOOL_USE};
use crate::tokenizer::{GgufVocabulary, TextFiles};

/// For a model without a template.
const FALLBACK: &str = include_str!("fallback.jinja");

#[derive(Debug)]
pub(super) struct Source {
    /// For people: the file, or the key in it.
    pub(super) name: String,
    /// One of them is [`DEFAULT`].
    pub(super) templates: Vec<(&'static str, String)>,
    pub(super) is_fallback: bool,
}

impl Source {
    pub(super) fn of_files(files: &TextFiles) -> Result<Self> {
        if let Some(text) = &files.chat_template {
            return Ok(Self::one("chat_template.jinja", text));
        }
        let name = "chat_template in tokenizer_config.json";
        match &files.tokenizer_config["chat_template"] {
            Value::Null => Ok(Self::fallback()),
            Value::String(text) => Ok(Self::one(name, text)),
            Value::Array(list) => Self::several(name, list),
            _ => Err(Self::malformed(name, "neither a text nor a list of templates")),
        }
    }

    pub(super) fn of_gguf(vocabulary: &GgufVocabulary) -> Self {
        vocabulary.chat_template.as_ref().map_or_else(Self::fallback, |text| Self::one("tokenizer.chat_template", text))
    }

    fn one(name: &str, text: &str) -> Self {
        Self { name: name.into(), templates: vec![(DEFAULT, text.into())], is_fallback: false }
    }

    fn fallback() -> Self {
        Self { is_fallback: true, ..Self::one("the fallback template", FALLBACK) }
    }

    /// Templates with names, of which those we would ask for are kept.
    fn several(name: &str, list: &[Value]) -> Result<Self> {
        let named = |wanted: &'static str| {
            let entry = list.iter().find(|entry| entry["name"] == wanted)?;
            Some((wanted, entry["template"].as_str()?.to_owned()))
        };
        let templates: Vec<_> = [DEFAULT, TOOL_USE].into_iter().filter_map(named).collect();
        if templates.first().is_none_or(|(name, _)| *name != DEFAULT) {
            return Err(Self::malformed(name, "a list without a template named \"default\""));
        }
        Ok(Self { name: name.into(), templates, is_fallback: false })
    }

    fn malformed(name: &str, problem: &str) -> Error {
        Error::Syntax { source_name: name.into(), line: 0, problem: problem.into() }
    }
}
