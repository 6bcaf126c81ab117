//! `config.json` of the BERT family, as transformers writes it.

use super::super::fields::Fields;
use crate::{Activation, Error, Result};

/// `model_type`, and the position of the first token: families that came after BERT leave out the places up to that of padding.
const FAMILIES: [(&str, bool); 3] = [("bert", false), ("roberta", true), ("xlm-roberta", true)];

/// What to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct SentenceArchitecture {
    /// As `model_type` has it.
    pub family: &'static str,
    pub vocabulary: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub intermediate: usize,
    /// Rows of the learned positions, and the one that is the first token's.
    pub positions: usize,
    pub first_position: usize,
    /// Of a text with what is put around it; of a longer one the beginning is read.
    pub most_tokens: usize,
    pub epsilon: f32,
    pub activation: Activation,
}

pub(super) fn family(config: &Fields) -> Option<(&'static str, bool)> {
    let named = config.text(&["model_type"]).ok()??;
    FAMILIES.into_iter().find(|(name, _)| *name == named)
}

/// `most_tokens`: what the modules say, if they do.
pub(super) fn read(config: &Fields, most_tokens: Option<usize>) -> Result<SentenceArchitecture> {
    let unknown = || Error::Architecture { file: config.file().into(), found: "none of the BERT family".into() };
    let (family, after_padding) = family(config).ok_or_else(unknown)?;
    refuse_others(config)?;
    let required = |name: &str| {
        let count = config.count(&[name])?.ok_or_else(|| config.missing(&[name], "a whole number"))?;
        if (1..=1 << 24).contains(&count) { Ok(count) } else { Err(config.wrong(name, "1 to 2^24", count.to_string())) }
    };
    let (hidden, heads, positions) =
        (required("hidden_size")?, required("num_attention_heads")?, required("max_position_embeddings")?);
    if !hidden.is_multiple_of(heads) {
        return Err(config.wrong("hidden_size", format!("a multiple of the {heads} heads"), hidden.to_string()));
    }
    let padding = config.count(&["pad_token_id"])?;
    let first_position = if after_padding { padding.unwrap_or(1) + 1 } else { 0 };
    let places = positions.saturating_sub(first_position);
    if places == 0 {
        return Err(config.wrong("max_position_embeddings", "more than those of padding", positions.to_string()));
    }
    Ok(SentenceArchitecture {
        family,
        vocabulary: required("vocab_size")?,
        hidden,
        layers: required("num_hidden_layers")?,
        heads,
        intermediate: required("intermediate_size")?,
        positions,
        first_position,
        most_tokens: most_tokens.map_or(places, |most| most.min(places)),
        epsilon: config.positive(&["layer_norm_eps"])?.unwrap_or(1e-12) as f32,
        activation: activation(config)?,
    })
}

/// Settings and classes that would have something else computed.
fn refuse_others(config: &Fields) -> Result<()> {
    let unsupported = |feature: String| Err(Error::unsupported(config.file(), feature));
    if let Some(kind) = config.text(&["position_embedding_type"])?.filter(|kind| *kind != "absolute") {
        return unsupported(format!("the position_embedding_type {kind:?}"));
    }
    if config.flag(&["is_decoder"])? == Some(true) {
        return unsupported("is_decoder".into());
    }
    let classes = config.list(&["architectures"])?.unwrap_or_default();
    match classes.first().and_then(|class| class.as_str()) {
        Some(class) if !class.ends_with("Model") && !class.ends_with("ForMaskedLM") => {
            unsupported(format!("the class {class}, which is no encoder of sentences,"))
        }
        _ => Ok(()),
    }
}

fn activation(config: &Fields) -> Result<Activation> {
    match config.text(&["hidden_act"])?.unwrap_or("gelu") {
        "gelu" => Ok(Activation::GeluErf),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        other => Err(config.wrong("hidden_act", "gelu, gelu_new or gelu_pytorch_tanh", format!("{other:?}"))),
    }
}
