//! Eight sequences, each with an adapter of its own, beside the same without any.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use checkpoint::{Adapter, Architecture, Family};
use half::bf16;
use serde_json::{Map, Value, json};
use xtask::repository;

use super::Plan;
use super::report::{Figure, Limit, Report, Share};
use super::statistics::median;
use super::subject::{Sequence, Subject};
use crate::random::Random;

const SEQUENCES: usize = 8;
const RANK: usize = 16;
/// Tokens that each sequence has so far.
const SHORT: usize = 128;

/// Which modules the adapters change, and what that is called.
const CHANGED: [(&str, &[Site]); 2] =
    [("query and value", &[Site::Query, Site::Value]), ("every linear module", &Site::ALL)];

pub(super) fn measure(plan: &Plan, path: &Path, report: &mut Report) -> Result<()> {
    let generate = plan.options.generate.get();
    plan.now("loading the model");
    let mut subject = Subject::load(path, plan.threads, Sequence::room(SEQUENCES, SHORT, generate))?;
    let sequences: Vec<_> = (0..SEQUENCES).map(|index| Sequence::new(index, SHORT, generate)).collect();
    for sequence in &sequences {
        subject.prefill(sequence);
    }
    for (name, sites) in CHANGED {
        let directory = written(subject.architecture(), sites)?;
        let opened = Adapter::open(&directory, subject.architecture())?;
        let adapters = (0..SEQUENCES).map(|_| subject.adapter(&opened)).collect::<Result<Vec<_>>>()?;
        let (mut alone, mut adapted, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=plan.rounds() {
            plan.now(format!("round {round}: adapters of {name}"));
            let before = subject.decode(&sequences, generate).rate();
            let with = subject.decode_with(&sequences, generate, &adapters).rate();
            let after = subject.decode(&sequences, generate).rate();
            let without = f64::midpoint(before, after);
            alone.push(without);
            adapted.push(with);
            shares.push(with / without);
        }
        let share = Share { share: median(&shares), of: Limit::ModelAlone };
        report.push(Figure::new(format!("{SEQUENCES} sequences alone"), median(&alone), "tokens/s"));
        let name = format!("the same with {SEQUENCES} adapters of rank {RANK} of {name}");
        report.push(Figure::new(name, median(&adapted), "tokens/s").share(share));
    }
    Ok(())
}

/// A module of a layer.
#[derive(Debug, Clone, Copy)]
enum Site {
    Query,
    Key,
    Value,
    Output,
    Gate,
    Up,
    Down,
}

impl Site {
    const ALL: [Self; 7] = [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// Its name in a family, outputs and inputs. GPT-2 has one module for query, key and value, and no gate.
    fn module(self, architecture: &Architecture) -> Option<(&'static str, usize, usize)> {
        let Architecture { hidden, heads, kv_heads, head_dim, intermediate, .. } = *architecture;
        let (wide, narrow) = (heads * head_dim, kv_heads * head_dim);
        let gpt2 = architecture.family == Family::Gpt2;
        Some(match self {
            Self::Query if gpt2 => ("attn.c_attn", wide + 2 * narrow, hidden),
            Self::Key | Self::Value | Self::Gate if gpt2 => return None,
            Self::Output if gpt2 => ("attn.c_proj", hidden, wide),
            Self::Up if gpt2 => ("mlp.c_fc", intermediate, hidden),
            Self::Down if gpt2 => ("mlp.c_proj", hidden, intermediate),
            Self::Query => ("self_attn.q_proj", wide, hidden),
            Self::Key => ("self_attn.k_proj", narrow, hidden),
            Self::Value => ("self_attn.v_proj", narrow, hidden),
            Self::Output => ("self_attn.o_proj", hidden, wide),
            Self::Gate => ("mlp.gate_proj", intermediate, hidden),
            Self::Up => ("mlp.up_proj", intermediate, hidden),
            Self::Down => ("mlp.down_proj", hidden, intermediate),
        })
    }
}

/// An adapter with random weights for a model of this shape, as PEFT would have saved it.
fn written(architecture: &Architecture, sites: &[Site]) -> Result<PathBuf> {
    let directory = repository::root().join("target/bench/adapter");
    fs::create_dir_all(&directory)?;
    let modules: Vec<_> = sites.iter().filter_map(|site| site.module(architecture)).collect();
    let names: Vec<_> = modules.iter().map(|(name, ..)| *name).collect();
    let config = json!({"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "target_modules": names});
    fs::write(directory.join("adapter_config.json"), config.to_string())?;
    let place = if architecture.family == Family::Gpt2 { "transformer.h" } else { "model.layers" };
    let (mut header, mut data) = (Map::new(), Vec::new());
    for layer in 0..architecture.layers {
        for (name, outputs, inputs) in &modules {
            let at = format!("base_model.model.{place}.{layer}.{name}");
            put(&mut header, &mut data, format!("{at}.lora_A.weight"), [RANK, *inputs]);
            put(&mut header, &mut data, format!("{at}.lora_B.weight"), [*outputs, RANK]);
        }
    }
    let header = Value::Object(header).to_string();
    let mut file = fs::File::create(directory.join("adapter_model.safetensors"))?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    file.write_all(&data).context("cannot write the adapter")?;
    Ok(directory)
}

/// Small numbers, so that what they add up to stays finite.
fn put(header: &mut Map<String, Value>, data: &mut Vec<u8>, name: String, shape: [usize; 2]) {
    let mut random = Random::new(1, &name);
    let start = data.len();
    data.extend((0..shape[0] * shape[1]).flat_map(|_| bf16::from_f32(random.between(-0.01, 0.01)).to_le_bytes()));
    header.insert(name, json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, data.len()]}));
}
