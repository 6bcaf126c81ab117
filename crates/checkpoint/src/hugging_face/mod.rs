//! Directories as `save_pretrained` leaves them: `config.json`, safetensors, `generation_config.json`.

mod classes;
mod config;
pub(crate) mod fields;
mod generation;
mod rope;
pub(crate) mod safetensors;
pub(crate) mod sentence;
pub(crate) mod shards;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::assemble::{Arrangement, Head, assemble};
use crate::names::{self, Names};
#[cfg(test)]
use crate::storage::Storage;
use crate::tensors::Tensors;
use crate::{Architecture, Classes, Family, GenerationDefaults, Result, Summary, Weights};
use config::Config;
use fields::Fields;

/// All of a directory but its text side.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) architecture: Architecture,
    pub(crate) weights: Weights,
    pub(crate) classes: Option<Classes>,
    pub(crate) summary: Summary,
    pub(crate) defaults: GenerationDefaults,
    pub(crate) unused: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn open(directory: &Path) -> Result<Model> {
    let config = config::read(&Fields::read(&directory.join("config.json"))?)?;
    let defaults = generation_config(directory)?;
    model(config, &shards::read(directory)?, defaults)
}

/// A model of one file, for tests that damage it.
#[cfg(test)]
pub(crate) fn open_bytes(config: &[u8], weights: &Storage) -> Result<Model> {
    let config = config::read(&Fields::parse(Path::new("config.json"), config)?)?;
    let mut tensors = Tensors::new(Path::new("model"));
    safetensors::read(Path::new(shards::SINGLE), weights, &mut tensors)?;
    model(config, &tensors, GenerationDefaults::default())
}

fn model(config: Config, tensors: &Tensors, defaults: GenerationDefaults) -> Result<Model> {
    let family = config.architecture.family;
    let names = names(family);
    let head = match &config.classes {
        Some(classes) => Head::Classes(classes.labels.len()),
        None => Head::Tokens { tied: Some(config.tied) },
    };
    let arrangement = Arrangement { names, transposed: family == Family::Gpt2, interleaved: false, head };
    let (weights, unused) = assemble(tensors, &config.architecture, arrangement)?;
    Ok(Model {
        summary: summary(&config, tensors),
        architecture: config.architecture,
        weights,
        classes: config.classes,
        defaults,
        unused,
        warnings: config.warnings,
    })
}

/// By the headers alone.
pub(crate) fn inspect(directory: &Path) -> Result<Summary> {
    if sentence::is_sentence_encoder(directory) {
        return sentence::inspect(directory);
    }
    let config = config::read(&Fields::read(&directory.join("config.json"))?)?;
    Ok(summary(&config, &shards::read(directory)?))
}

fn summary(config: &Config, tensors: &Tensors) -> Summary {
    let Architecture { family, context, .. } = config.architecture;
    let names = names(family);
    let summary = tensors.summary(family.name(), context, |name| names.is_no_weight(name));
    Summary { classifies: config.classes.is_some(), ..summary }
}

fn names(family: Family) -> &'static Names {
    if family == Family::Gpt2 { &names::GPT2 } else { &names::LLAMA }
}

/// A directory need not have one.
fn generation_config(directory: &Path) -> Result<GenerationDefaults> {
    let file = directory.join("generation_config.json");
    if !file.is_file() {
        return Ok(GenerationDefaults::default());
    }
    generation::read(&Fields::read(&file)?)
}
