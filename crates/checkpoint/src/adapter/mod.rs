//! LoRA adapters as PEFT saves them: `adapter_config.json`, and for each module that it changes two narrow matrices in
//! `adapter_model.safetensors`. A module then gives `W·x + scale · B·(A·x)`.
//!
//! What cannot be honoured is refused by its name: nothing of an adapter is left out silently.

mod assemble;
mod config;
mod targets;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::hugging_face::{fields::Fields, safetensors};
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
    /// Reads a directory as PEFT's `save_pretrained` leaves it, for a model of this architecture.
    pub fn open(directory: &Path, architecture: &Architecture) -> Result<Self> {
        let config = directory.join(CONFIG);
        if !config.is_file() {
            let looked_for = "an adapter: adapter_config.json and adapter_model.safetensors";
            return Err(Error::Missing { path: directory.into(), looked_for });
        }
        let config = config::read(&Fields::read(&config)?)?;
        assemble::assemble(&config, &tensors(directory)?, architecture)
    }
}

fn tensors(directory: &Path) -> Result<Tensors> {
    let file = directory.join(WEIGHTS);
    if !file.is_file() {
        if directory.join(PICKLED).is_file() {
            let feature = format!("{PICKLED}, which is a program and not only data, in place of {WEIGHTS}");
            return Err(Error::unsupported(directory, feature));
        }
        return Err(Error::Missing {
            path: directory.into(),
            looked_for: "adapter_model.safetensors beside adapter_config.json",
        });
    }
    let mut tensors = Tensors::new(&file);
    safetensors::read(&file, &Storage::map(&file)?, &mut tensors)?;
    Ok(tensors)
}
