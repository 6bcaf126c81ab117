//! `adapter_config.json`: which modules an adapter changes, and by how much. Keys and meanings as PEFT's `LoraConfig` has them.

use fancy_regex::Regex;
use serde_json::Value;

use super::targets::{Layers, Modules, Targets};
use crate::hugging_face::fields::{Fields, shown};
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Config {
    pub(super) targets: Targets,
    pub(super) base: Option<String>,
    rank: usize,
    alpha: f64,
    /// Of modules whose whole name a pattern describes, the first that does.
    ranks: Vec<(Regex, usize)>,
    alphas: Vec<(Regex, f64)>,
    /// Divided by the root of the rank, not by the rank.
    by_root: bool,
}

/// What changes the computation in other ways, and what it is called.
const REFUSED: [(&str, &str); 10] = [
    ("use_dora", "DoRA (use_dora)"),
    ("modules_to_save", "whole modules in an adapter (modules_to_save)"),
    ("trainable_token_indices", "embeddings of single tokens in an adapter (trainable_token_indices)"),
    ("layer_replication", "repeated layers (layer_replication)"),
    ("target_parameters", "parameters that are no module's weight (target_parameters)"),
    ("alora_invocation_tokens", "an adapter that begins at certain tokens (alora_invocation_tokens)"),
    ("arrow_config", "adapters that are chosen token by token (arrow_config)"),
    ("lora_bias", "a bias in an adapter (lora_bias)"),
    ("kasa_config", "KaSA (kasa_config)"),
    ("monteclora_config", "MonteCLoRA (monteclora_config)"),
];

/// How A and B began, where that leaves the base model as it is.
const BEGINNINGS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

pub(super) fn read(fields: &Fields) -> Result<Config> {
    refuse(fields)?;
    let rank = fields.count(&["r"])?.filter(|rank| *rank > 0);
    let rank = rank.ok_or_else(|| fields.missing(&["r"], "the rank"))?;
    let alpha = fields.number(&["lora_alpha"])?.ok_or_else(|| fields.missing(&["lora_alpha"], "a number"))?;
    Ok(Config {
        targets: targets(fields)?,
        base: fields.text(&["base_model_name_or_path"])?.map(str::to_owned),
        rank,
        alpha,
        ranks: patterns(fields, "rank_pattern", |value| value.as_u64().filter(|rank| *rank > 0).map(|rank| rank as usize))?,
        alphas: patterns(fields, "alpha_pattern", Value::as_f64)?,
        by_root: fields.flag(&["use_rslora"])?.unwrap_or(false),
    })
}

impl Config {
    pub(super) fn rank_of(&self, module: &str) -> usize {
        first(&self.ranks, module).unwrap_or(self.rank)
    }

    pub(super) fn scale_of(&self, module: &str) -> f32 {
        let (rank, alpha) = (self.rank_of(module) as f64, first(&self.alphas, module).unwrap_or(self.alpha));
        (alpha / if self.by_root { rank.sqrt() } else { rank }) as f32
    }
}

fn first<T: Copy>(patterns: &[(Regex, T)], module: &str) -> Option<T> {
    patterns.iter().find(|(pattern, _)| pattern.is_match(module).unwrap_or(false)).map(|(_, value)| *value)
}

fn refuse(fields: &Fields) -> Result<()> {
    let file = fields.file();
    let kind = fields.text(&["peft_type"])?.unwrap_or("LORA");
    if kind != "LORA" {
        return Err(Error::unsupported(file, format!("an adapter of the kind {kind}, other than LORA,")));
    }
    for (key, name) in REFUSED {
        if fields.value(&[key]).is_some_and(means_something) {
            return Err(Error::unsupported(file, name));
        }
    }
    let bias = fields.text(&["bias"])?.unwrap_or("none");
    if bias != "none" {
        return Err(Error::unsupported(file, format!("an adapter that changes biases (bias: {bias})")));
    }
    // What others add later is mostly switched on so.
    let others = fields.entries().filter(|(key, value)| key.starts_with("use_") && means_something(value));
    if let Some((key, _)) = others.into_iter().find(|(key, _)| *key != "use_rslora") {
        return Err(Error::unsupported(file, key));
    }
    match fields.value(&["init_lora_weights"]) {
        Some(Value::String(beginning)) if !BEGINNINGS.contains(&beginning.as_str()) => {
            let feature = format!(
                "an adapter that begins with a part of the base model (init_lora_weights: {beginning}) and is not converted"
            );
            Err(Error::unsupported(file, feature))
        }
        _ => Ok(()),
    }
}

/// Neither nothing nor no.
fn means_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::Number(_) | Value::String(_) => true,
    }
}

fn targets(fields: &Fields) -> Result<Targets> {
    let modules =
        modules(fields, "target_modules")?.ok_or_else(|| fields.missing(&["target_modules"], "names or a pattern"))?;
    Ok(Targets { modules, excluded: modules_without_all(fields)?, layers: layers(fields)? })
}

fn modules_without_all(fields: &Fields) -> Result<Option<Modules>> {
    match modules(fields, "exclude_modules")? {
        Some(Modules::AllLinear) => Err(fields.wrong("exclude_modules", "names or a pattern", "all-linear")),
        other => Ok(other),
    }
}

fn modules(fields: &Fields, key: &str) -> Result<Option<Modules>> {
    match fields.value(&[key]) {
        None => Ok(None),
        Some(Value::Array(names)) => names_of(fields, key, names).map(Modules::Named).map(Some),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("all-linear") => Ok(Some(Modules::AllLinear)),
        Some(Value::String(pattern)) => regex(fields, key, &format!("^(?:{pattern})$")).map(Modules::Pattern).map(Some),
        Some(other) => Err(fields.wrong(key, "names or a pattern", shown(other))),
    }
}

fn names_of(fields: &Fields, key: &str, names: &[Value]) -> Result<Vec<String>> {
    let name = |name: &Value| name.as_str().map(str::to_owned);
    names.iter().map(name).collect::<Option<_>>().ok_or_else(|| fields.wrong(key, "a list of names", "something else in it"))
}

/// A number or several. Where in a name the layer's number is, `layers_pattern` says for models that are not all of layers; here
/// every module has one number before it.
fn layers(fields: &Fields) -> Result<Layers> {
    let key = "layers_to_transform";
    let number = |value: &Value| value.as_u64().and_then(|layer| usize::try_from(layer).ok());
    let layers = match fields.value(&[key]) {
        None => return Ok(Layers::All),
        Some(Value::Array(layers)) if layers.is_empty() => return Ok(Layers::All),
        Some(Value::Array(layers)) => layers.iter().map(number).collect(),
        Some(layer) => number(layer).map(|layer| vec![layer]),
    };
    layers.map(Layers::These).ok_or_else(|| fields.wrong(key, "numbers of layers", "something else"))
}

/// Entries of an object whose keys are patterns.
fn patterns<T>(fields: &Fields, key: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<(Regex, T)>> {
    let Some(object) = fields.object(&[key])? else { return Ok(Vec::new()) };
    let entry = |(pattern, value): (&str, &Value)| {
        let value = read(value).ok_or_else(|| object.wrong(pattern, "a number", shown(value)))?;
        Ok((regex(fields, key, &format!(r"^(?:.*\.)?(?:{pattern})$"))?, value))
    };
    object.entries().map(entry).collect()
}

fn regex(fields: &Fields, key: &str, pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| fields.wrong(key, "a pattern", error.to_string()))
}
