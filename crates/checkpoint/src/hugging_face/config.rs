//! `config.json`, as transformers 4 and 5 write it.

use super::fields::{Fields, shown};
use super::{classes, rope};
use crate::architecture::Sizes;
use crate::family::Windows;
use crate::{Activation, Architecture, Classes, Error, Family, Norm, Position, Result};

// Each setting under its names: that of most families, and GPT-2's.
const HIDDEN: &[&str] = &["hidden_size", "n_embd"];
const LAYERS: &[&str] = &["num_hidden_layers", "n_layer"];
const HEADS: &[&str] = &["num_attention_heads", "n_head"];
const CONTEXT: &[&str] = &["max_position_embeddings", "n_positions", "n_ctx"];
const INTERMEDIATE: &[&str] = &["intermediate_size", "n_inner"];
const ACTIVATION: &[&str] = &["hidden_act", "activation_function"];

/// What `config.json` says.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) architecture: Architecture,
    pub(crate) tied: bool,
    /// Of a classifier.
    pub(crate) classes: Option<Classes>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn read(config: &Fields) -> Result<Config> {
    let family = family(config)?;
    refuse_unsupported(config)?;
    let traits = family.traits();
    let mut sizes = sizes(config, family)?;
    sizes.check(config.file(), traits.rotary)?;
    let mut warnings = Vec::new();
    let position = if traits.rotary {
        let reach = rope::read(config, sizes.head_dim, sizes.context)?;
        sizes.context = reach.context;
        sizes.check(config.file(), true)?;
        warnings.extend(reach.warning);
        reach.rope.position()
    } else {
        Position::Learned
    };
    let architecture = Architecture {
        family,
        vocabulary: sizes.vocabulary,
        hidden: sizes.hidden,
        layers: sizes.layers,
        heads: sizes.heads,
        kv_heads: sizes.kv_heads,
        head_dim: sizes.head_dim,
        intermediate: sizes.intermediate,
        context: sizes.context,
        norm: norm(config, traits.rotary)?,
        position,
        activation: activation(config, traits.rotary)?,
        window: windows(config, family, sizes.layers)?,
        attention_scale: attention_scale(config, sizes.head_dim)?,
    };
    let tied = config.flag(&["tie_word_embeddings"])?.unwrap_or(traits.tied_by_default);
    let classes = if class(config)? == Some(traits.classifier) { Some(classes::read(config)?) } else { None };
    Ok(Config { architecture, tied, classes, warnings })
}

/// The first of `architectures`.
fn class(config: &Fields) -> Result<Option<&str>> {
    let classes = config.list(&["architectures"])?.unwrap_or_default();
    Ok(classes.first().and_then(|class| class.as_str()))
}

/// By `model_type`, or where it is missing by the class; a class that neither writes nor classifies is refused.
pub(crate) fn family(config: &Fields) -> Result<Family> {
    let class = class(config)?;
    let unknown = |found: &str| Error::Architecture { file: config.file().into(), found: found.into() };
    let family = match (config.text(&["model_type"])?, class) {
        (Some(name), _) => Family::named(name).ok_or_else(|| unknown(name))?,
        (None, Some(class)) => Family::of_class(class).ok_or_else(|| unknown(class))?,
        (None, None) => return Err(config.missing(&["model_type", "architectures"], "the model's architecture")),
    };
    match class {
        // `LlamaModel` is the same model saved without its head.
        Some(class) if Family::of_class(class) != Some(family) && !class.ends_with("Model") => Err(unknown(class)),
        _ => Ok(family),
    }
}

/// Settings that would have something else computed.
fn refuse_unsupported(config: &Fields) -> Result<()> {
    if config.value(&["quantization_config"]).is_some() {
        let feature = "a quantization_config (quantised models are read from GGUF files)";
        return Err(Error::unsupported(config.file(), feature));
    }
    for name in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"] {
        if config.flag(&[name])? == Some(true) {
            return Err(Error::unsupported(config.file(), name));
        }
    }
    Ok(())
}

fn sizes(config: &Fields, family: Family) -> Result<Sizes> {
    let traits = family.traits();
    let required = |names| config.count(names)?.ok_or_else(|| config.missing(names, "a whole number"));
    let (hidden, heads) = (required(HIDDEN)?, required(HEADS)?);
    let head_dim = match config.count(&["head_dim"])?.or(traits.default_head_dim) {
        Some(head_dim) => head_dim,
        None if heads > 0 && hidden.is_multiple_of(heads) => hidden / heads,
        None => {
            let expected = format!("a multiple of the {heads} attention heads");
            return Err(config.wrong(HIDDEN[0], expected, hidden.to_string()));
        }
    };
    let intermediate = match config.count(INTERMEDIATE)? {
        Some(intermediate) => intermediate,
        None if traits.rotary => return Err(config.missing(INTERMEDIATE, "a whole number")),
        None => hidden.saturating_mul(4),
    };
    Ok(Sizes {
        vocabulary: required(&["vocab_size"])?,
        hidden,
        layers: required(LAYERS)?,
        heads,
        kv_heads: config.count(&["num_key_value_heads"])?.unwrap_or(heads),
        head_dim,
        intermediate,
        context: config.count(CONTEXT)?.unwrap_or(traits.default_context),
    })
}

fn norm(config: &Fields, rms: bool) -> Result<Norm> {
    let (name, default) = if rms { ("rms_norm_eps", 1e-6) } else { ("layer_norm_epsilon", 1e-5) };
    let eps = config.number(&[name])?.unwrap_or(default);
    if !(0.0..1.0).contains(&eps) {
        return Err(config.wrong(name, "0 to 1", eps.to_string()));
    }
    let eps = eps as f32;
    Ok(if rms { Norm::Rms { eps } } else { Norm::Layer { eps } })
}

fn activation(config: &Fields, gated: bool) -> Result<Activation> {
    let found = config.text(ACTIVATION)?.unwrap_or(if gated { "silu" } else { "gelu_new" });
    match (gated, found) {
        (true, "silu" | "swish") => Ok(Activation::Silu),
        (false, "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu_python_tanh") => Ok(Activation::GeluTanh),
        (false, "gelu" | "gelu_python") => Ok(Activation::GeluErf),
        _ => Err(Error::unsupported(config.file(), format!("the activation {found:?}"))),
    }
}

fn attention_scale(config: &Fields, head_dim: usize) -> Result<f32> {
    let scaled = config.flag(&["scale_attn_weights"])?.unwrap_or(true);
    Ok(if scaled { 1.0 / (head_dim as f32).sqrt() } else { 1.0 })
}

/// The last positions that the queries of each layer see.
fn windows(config: &Fields, family: Family, layers: usize) -> Result<Vec<Option<usize>>> {
    let width = ["sliding_window"];
    let given = match config.count(&width)? {
        Some(0) => return Err(config.wrong(width[0], "a positive number", "0")),
        given => given,
    };
    match family.traits().windows {
        Windows::Every { default } => {
            let window = if config.has(&width) { given } else { Some(default) };
            Ok(vec![window; layers])
        }
        Windows::Chosen if config.flag(&["use_sliding_window"])?.unwrap_or(false) => {
            let window = if config.has(&width) { given } else { Some(4096) };
            let sliding = sliding_layers(config, layers)?;
            Ok(sliding.into_iter().map(|slides| window.filter(|_| slides)).collect())
        }
        Windows::None | Windows::Chosen => Ok(vec![None; layers]),
    }
}

fn sliding_layers(config: &Fields, layers: usize) -> Result<Vec<bool>> {
    let Some(types) = config.list(&["layer_types"])? else {
        let full = config.count(&["max_window_layers"])?.unwrap_or(28);
        return Ok((0..layers).map(|layer| layer >= full).collect());
    };
    if types.len() != layers {
        return Err(config.wrong("layer_types", format!("{layers} entries"), format!("{}", types.len())));
    }
    let slides = |kind: &serde_json::Value| match kind.as_str() {
        Some("sliding_attention") => Ok(true),
        Some("full_attention") => Ok(false),
        _ => Err(config.wrong("layer_types", "sliding_attention or full_attention", shown(kind))),
    };
    types.iter().map(slides).collect()
}
