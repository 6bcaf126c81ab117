//! What sentence-transformers does around a model: `modules.json`, the pooling that it names, and `sentence_bert_config.json`.

use std::path::{Component, Path};

use serde_json::Value;

use super::super::fields::Fields;
use crate::{Error, Result, plain_file};

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    Mean,
    /// The first token's.
    First,
}

#[derive(Debug)]
pub(super) struct Modules {
    pub(super) pooling: Pooling,
    /// Of a text with what is put around it.
    pub(super) most_tokens: Option<usize>,
    /// What is put before every text where nothing else is said.
    pub(super) prefix: String,
}

/// Without a `modules.json`, as sentence-transformers takes a plain model: the mean.
pub(super) fn read(directory: &Path) -> Result<Modules> {
    Ok(Modules { pooling: pooling(directory)?, most_tokens: most_tokens(directory)?, prefix: prefix(directory)? })
}

fn pooling(directory: &Path) -> Result<Pooling> {
    let file = directory.join("modules.json");
    if !file.is_file() {
        return Ok(Pooling::Mean);
    }
    let text = plain_file::read(&file).map_err(|source| Error::io(&file, source))?;
    let malformed = |found: String| Error::malformed(&file, "the whole file", "a list of modules", found);
    let modules: Vec<Value> = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
    let mut pooling = Pooling::Mean;
    for module in &modules {
        let (kind, path) = (module["type"].as_str().unwrap_or_default(), module["path"].as_str().unwrap_or_default());
        match kind.rsplit('.').next().unwrap_or_default() {
            // A vector has the length 1 here, whether it is asked for or not: its direction is what counts.
            "Transformer" | "Normalize" => {}
            "Pooling" if is_below(path) => pooling = pooling_of(&Fields::read(&directory.join(path).join("config.json"))?)?,
            "Pooling" => return Err(malformed(format!("a module at {path:?}"))),
            other => return Err(Error::unsupported(&file, format!("the module {other:?}"))),
        }
    }
    Ok(pooling)
}

/// Old files have a flag for each way, new ones a word.
fn pooling_of(config: &Fields) -> Result<Pooling> {
    let mut ways: Vec<&str> = Vec::new();
    for (name, value) in config.entries() {
        if let Some(way) = name.strip_prefix("pooling_mode_").filter(|_| *value == true) {
            ways.push(way);
        }
    }
    match (config.text(&["pooling_mode"])?, ways.as_slice()) {
        (Some("mean"), []) | (None, ["mean_tokens"]) => Ok(Pooling::Mean),
        (Some("cls"), []) | (None, ["cls_token"]) => Ok(Pooling::First),
        (word, ways) => {
            let found = word.map_or_else(|| ways.join(", "), str::to_owned);
            Err(Error::unsupported(config.file(), format!("the pooling {found:?}")))
        }
    }
}

/// A file must not lead out of its directory.
fn is_below(path: &str) -> bool {
    Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

/// Old versions keep it with the model, new ones with the tokenizer, where a number beyond all measure means that there is none.
fn most_tokens(directory: &Path) -> Result<Option<usize>> {
    for (file, name) in [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")] {
        let file = directory.join(file);
        if !file.is_file() {
            continue;
        }
        let config = Fields::read(&file)?;
        match config.number(&[name])? {
            Some(most) if most < 3.0 => return Err(config.wrong(name, "more than 2", most.to_string())),
            Some(most) if most < 1e9 => return Ok(Some(most as usize)),
            _ => {}
        }
    }
    Ok(None)
}

fn prefix(directory: &Path) -> Result<String> {
    let file = directory.join("config_sentence_transformers.json");
    if !file.is_file() {
        return Ok(String::new());
    }
    let config = Fields::read(&file)?;
    let Some(name) = config.text(&["default_prompt_name"])? else { return Ok(String::new()) };
    let prompts = config.object(&["prompts"])?.ok_or_else(|| config.missing(&["prompts"], "an object"))?;
    let prompt = prompts.text(&[name])?.ok_or_else(|| prompts.missing(&[name], "a string"))?;
    Ok(prompt.to_owned())
}
