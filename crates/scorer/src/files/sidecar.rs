//! The JSON beside a scorer's numbers: everything without which they mean nothing.

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Kind, Split};
use crate::measure::Report;
use crate::prompt::{Identity, Scaler};
use crate::{Training, Type};

/// What a file says that was written by this program. Another format is another number.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    pub format: u32,
    #[serde(rename = "type")]
    pub kind: Type,
    /// What was learned from: pairs or scores.
    pub learned_from: Kind,
    pub models: Vec<String>,
    pub encoder: Identity,
    /// The names of the features, in the order of their columns.
    pub features: Vec<String>,
    pub scaler: Scaler,
    /// Of the file with the numbers, in hexadecimal digits; its first 16 are in that file's name.
    pub weights_sha256: String,
    pub training: Provenance,
    /// How well it did on what was held out, beside the simple ways.
    pub held_out: Report,
}

/// Where a scorer comes from: with the same data and seed the same one can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Of the file that was trained on, in hexadecimal digits.
    pub data_sha256: String,
    pub prompts: usize,
    pub examples: usize,
    pub seed: u64,
    pub split: Split,
}

impl Provenance {
    /// `file`: the bytes that the dataset was read from.
    pub fn new(file: &[u8], dataset: &Dataset, training: &Training) -> Self {
        Self {
            data_sha256: super::directory::hash(file),
            prompts: dataset.prompts.len(),
            examples: dataset.examples.len(),
            seed: training.options.seed,
            split: training.split,
        }
    }
}
