//! LoRA adapters: for each module that one changes two narrow matrices, with which it gives `W·x + scale · B·(A·x)`.
//!
//! As PEFT saves them, they are an `adapter_config.json` beside an `adapter_model.safetensors`; as llama.cpp reads them, one GGUF file.
//! What cannot be honoured is refused by its name: nothing of an adapter is left out silently.

mod assemble;
mod config;
mod gguf;
mod targets;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use config::Config;
use gguf::Head as GgufHead;

use crate::hugging_face::{fields::Fields, safetensors};
use crate::locate::only_gguf_file;
use crate::storage::Storage;
use crate::tensors::Tensors;
use crate::{Architecture, Error, Result, Tensor};

pub(crate) const CONFIG: &str = "adapter_config.json";
pub(crate) const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT wrote before safetensors.
const PICKLED: &str = "adapter_model.bin";

/// What changes a model, layer by layer. Views into a mapped file, as a model's weights are.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub layers: Vec<LayerUpdates>,
    pub summary: AdapterSummary,
}

/// For each input of a layer's products what is added to them.
#[derive(Debug, Clone, Default)]
pub struct LayerUpdates {
    /// Query, key, value.
    pub attention: Updates,
    pub output: Updates,
    /// Gate and up, where the MLP is gated; else up.
    pub mlp: Updates,
    pub down: Updates,
}

/// What is added to the products of one input.
#[derive(Debug, Clone, Default)]
pub struct Updates {
    pub downs: Vec<Tensor>, // A: (rank, in)
    /// One for each product.
    pub ups: Vec<Option<Up>>,
}

#[derive(Debug, Clone)]
pub struct Up {
    pub weight: Tensor, // B: (out, rank)
    /// Which of `downs` its columns belong to: a fused query, key and value share one.
    pub down: usize,
    pub scale: f32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AdapterSummary {
    /// The greatest of all modules.
    pub rank: usize,
    /// Modules that are changed.
    pub modules: usize,
    /// Elements of all A and B.
    pub parameters: u64,
    /// What it says that it was trained for.
    pub base: Option<String>,
}

impl Adapter {
    /// Reads a directory as PEFT's `save_pretrained` leaves it, or a GGUF file, for a model of this architecture.
    pub fn open(path: &Path, architecture: &Architecture) -> Result<Self> {
        match AdapterFiles::of(path)? {
            AdapterFiles::Peft { config, weights } => {
                let config = config::read(&Fields::read(&config)?)?;
                assemble::assemble(&Form::Peft(Box::new(config)), &tensors(&weights)?, architecture)
            }
            AdapterFiles::Gguf(file) => {
                let (form, tensors) = gguf::read(&file, architecture.family)?;
                assemble::assemble(&form, &tensors, architecture)
            }
        }
    }
}

/// What an adapter lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdapterFiles {
    Peft { config: PathBuf, weights: PathBuf },
    Gguf(PathBuf),
}

impl AdapterFiles {
    /// Of the adapter that [`Adapter::open`] reads there. PEFT's files go before a GGUF file beside them.
    pub fn of(path: &Path) -> Result<Self> {
        if path.is_file() {
            return Ok(Self::Gguf(path.into()));
        }
        let (config, weights) = (path.join(CONFIG), path.join(WEIGHTS));
        let missing = || {
            let looked_for = "an adapter: adapter_config.json and adapter_model.safetensors, or one GGUF file";
            Error::Missing { path: path.into(), looked_for }
        };
        if config.is_file() {
            return Ok(Self::Peft { config, weights });
        }
        if !path.is_dir() {
            return Err(missing());
        }
        only_gguf_file(path)?.map(Self::Gguf).ok_or_else(missing)
    }

    /// The one that holds the matrices.
    pub fn weights(&self) -> &Path {
        match self {
            Self::Peft { weights, .. } | Self::Gguf(weights) => weights,
        }
    }
}

/// How an adapter says which modules it changes, and by how much.
#[derive(Debug)]
enum Form {
    Peft(Box<Config>),
    Gguf(GgufHead),
}

impl Form {
    fn base(&self) -> Option<&String> {
        match self {
            Self::Peft(config) => config.base.as_ref(),
            Self::Gguf(head) => head.base.as_ref(),
        }
    }
}

fn tensors(file: &Path) -> Result<Tensors> {
    if !file.is_file() {
        let directory = file.parent().unwrap_or(file);
        if directory.join(PICKLED).is_file() {
            let feature = format!("{PICKLED}, which is a program and not only data, in place of {WEIGHTS}");
            return Err(Error::unsupported(directory, feature));
        }
        return Err(Error::Missing {
            path: directory.into(),
            looked_for: "adapter_model.safetensors beside adapter_config.json",
        });
    }
    let mut tensors = Tensors::new(file);
    safetensors::read(file, &Storage::map(file)?, &mut tensors)?;
    Ok(tensors)
}
