//! From a conversation to the text that a model was trained on.
//!
//! Models bring a template in Jinja's language, written for Python. [`ChatTemplate`] renders it as transformers does, to the
//! byte: the same functions and filters, Python's methods on strings and dictionaries, Python's way to write values.
//! Templates are other people's programs: their size, their steps and their output are limited.

mod environment;
mod error;
mod generation_blocks;
mod json;
mod limited_text;
mod messages;
mod python_methods;
mod source;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::{Map, Value};

use limited_text::LimitedText;
use source::Source;

pub use error::{Error, Result};

use crate::tokenizer::{GgufVocabulary, TextFiles, Tokenizer};

#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source_name: String,
    special_tokens: Map<String, Value>,
    is_fallback: bool,
}

/// What a template is told beside the messages.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Whether the text ends with the beginning of the assistant's turn.
    pub add_generation_prompt: bool,
    /// A list of tools in OpenAI's shape, as the request has it.
    pub tools: Option<Value>,
    pub documents: Option<Value>,
    /// What `strftime_now` answers, in UTC.
    pub now: SystemTime,
    /// More variables (`enable_thinking`); they come before those of the same name above.
    pub variables: Map<String, Value>,
}

impl RenderOptions {
    /// A plain request for an answer.
    pub fn new(now: SystemTime) -> Self {
        Self { add_generation_prompt: true, tools: None, documents: None, now, variables: Map::new() }
    }
}

/// The template used for tools, where a model brings several; the others are asked for by nobody.
const DEFAULT: &str = "default";
const TOOL_USE: &str = "tool_use";

impl ChatTemplate {
    /// `chat_template.jinja`, or `chat_template` in `tokenizer_config.json`, or the fallback.
    pub fn from_files(files: &TextFiles, tokenizer: &Tokenizer) -> Result<Self> {
        Self::new(Source::of_files(files)?, tokenizer)
    }

    /// `tokenizer.chat_template`, or the fallback.
    pub fn from_gguf(vocabulary: &GgufVocabulary, tokenizer: &Tokenizer) -> Result<Self> {
        Self::new(Source::of_gguf(vocabulary), tokenizer)
    }

    fn new(source: Source, tokenizer: &Tokenizer) -> Result<Self> {
        let mut environment = environment::new();
        for (name, text) in source.templates {
            environment::add(&mut environment, &source.name, name, &text)?;
        }
        let mut special_tokens = special_tokens(tokenizer);
        if source.is_fallback && !tokenizer.begins_with_bos() {
            special_tokens.shift_remove("bos_token");
        }
        Ok(Self { environment, source_name: source.name, special_tokens, is_fallback: source.is_fallback })
    }

    /// Whether the model brings no template. The fallback writes `User: …` and `Assistant: …`, each followed by an empty line,
    /// which a model that has only learnt to go on with a text makes the best of; it does not know when to stop.
    pub fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    /// The text of the conversation `messages`, a list of objects with `role` and `content`.
    pub fn render(&self, messages: &Value, options: &RenderOptions) -> Result<String> {
        let failed = |error: minijinja::Error| Error::render(&self.source_name, &error);
        let name = if options.tools.is_some() { TOOL_USE } else { DEFAULT };
        let template =
            self.environment.get_template(name).or_else(|_| self.environment.get_template(DEFAULT)).map_err(failed)?;
        let mut text = LimitedText::default();
        template.render_captured_to(self.context(messages, options), &mut text).map_err(failed)?;
        Ok(text.into_string())
    }

    /// `tools` and `documents` are there even when they are not: templates ask whether they are none, not whether they are
    /// defined.
    fn context(&self, messages: &Value, options: &RenderOptions) -> minijinja::Value {
        let special_tokens = self.special_tokens.iter().map(|(name, token)| (name.clone(), value(token)));
        let variables = options.variables.iter().map(|(name, variable)| (name.clone(), value(variable)));
        let own = [
            ("messages", value(&messages::for_templates(messages))),
            ("tools", value(&options.tools)),
            ("documents", value(&options.documents)),
            ("add_generation_prompt", options.add_generation_prompt.into()),
            ("strftime_now", environment::strftime_now(options.now)),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        minijinja::Value::from_pairs(special_tokens.chain(own).chain(variables))
    }
}

fn value<T: serde::Serialize>(json: &T) -> minijinja::Value {
    Serde(json).into()
}

/// The variables `bos_token` and the like, for those the tokenizer has.
fn special_tokens(tokenizer: &Tokenizer) -> Map<String, Value> {
    let tokens = tokenizer.special_tokens();
    let roles =
        [("bos_token", tokens.bos), ("eos_token", tokens.eos), ("unk_token", tokens.unknown), ("pad_token", tokens.padding)];
    let text = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
    roles.into_iter().filter_map(|(role, id)| Some((role.to_owned(), text(id)?.into()))).collect()
}
