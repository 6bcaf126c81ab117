//! Directories as `save_pretrained` leaves them: `config.json`, safetensors, `generation_config.json`.

mod config;
mod fields;
mod generation;
mod rope;
mod safetensors;
pub(crate) mod shards;

use std::path::Path;

use crate::assemble::{Arrangement, assemble};
use crate::names::{self, Names};
use crate::{Architecture, Family, GenerationDefaults, Result, Summary, Weights};
use fields::Fields;

/// All of a directory but its text side.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) architecture: Architecture,
    pub(crate) weights: Weights,
    pub(crate) summary: Summary,
    pub(crate) defaults: GenerationDefaults,
    pub(crate) unused: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn open(directory: &Path) -> Result<Model> {
    let config = config::read(&Fields::read(&directory.join("config.json"))?)?;
    let defaults = generation_config(directory)?;
    let tensors = shards::read(directory)?;
    let family = config.architecture.family;
    let names = names(family);
    let arrangement = Arrangement { names, transposed: family == Family::Gpt2, interleaved: false, tied: Some(config.tied) };
    let (weights, unused) = assemble(&tensors, &config.architecture, arrangement)?;
    Ok(Model {
        summary: tensors.summary(family, |name| names.is_no_weight(name)),
        architecture: config.architecture,
        weights,
        defaults,
        unused,
        warnings: config.warnings,
    })
}

/// By the headers alone.
pub(crate) fn inspect(directory: &Path) -> Result<Summary> {
    let config = config::read(&Fields::read(&directory.join("config.json"))?)?;
    let family = config.architecture.family;
    let names = names(family);
    Ok(shards::read(directory)?.summary(family, |name| names.is_no_weight(name)))
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
