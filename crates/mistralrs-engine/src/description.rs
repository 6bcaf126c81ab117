//! What mistral.rs is told of a model. It reads `config.json` as transformers 4 wrote it, and fields that it does not know it passes
//! over in silence; so it gets one that says what [`checkpoint`] has made of the file, and a model of which it would compute
//! something else is refused.

use checkpoint::{Architecture, Checkpoint, Family, Norm, Position};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// How far frequencies may be from those of plain rotary positions: floats that were computed in another order.
const CLOSE: f32 = 1e-4;

/// mistral.rs would run the model as something that it is not.
#[derive(Debug, Error, PartialEq)]
#[error("mistral.rs does not know {what}")]
pub struct Unknown {
    what: String,
}

fn unknown<T>(what: impl Into<String>) -> Result<T, Unknown> {
    Err(Unknown { what: what.into() })
}

/// Refuses GGUF files that mistral.rs reads, but not in full.
pub(crate) fn check_gguf(checkpoint: &Checkpoint) -> Result<(), Unknown> {
    let architecture = &checkpoint.architecture;
    check(checkpoint)?;
    match &architecture.position {
        Position::Rope { inverse_frequencies, attention_factor } if is_plain(inverse_frequencies, *attention_factor) => {
            Ok(())
        }
        Position::Rope { .. } | Position::Learned => unknown("the stretched rotary positions of a GGUF file"),
    }
}

/// The context within which no sliding window leaves anything out. mistral.rs has such windows, but sees one position more through
/// them where it reads a prompt than where it writes.
pub(crate) fn context(architecture: &Architecture) -> usize {
    architecture.window.iter().flatten().copied().fold(architecture.context, usize::min)
}

/// `config.json` as mistral.rs reads it, of a model whose own one is given.
pub(crate) fn config(checkpoint: &Checkpoint, original: &Map<String, Value>) -> Result<Value, Unknown> {
    let architecture = &checkpoint.architecture;
    check(checkpoint)?;
    let Norm::Rms { eps } = architecture.norm else { return unknown("layer norms") };
    let (theta, scaling) = rope(architecture, original)?;
    let mut config = original.clone();
    config.remove("rope_parameters");
    let told = [
        ("vocab_size", json!(architecture.vocabulary)),
        ("hidden_size", json!(architecture.hidden)),
        ("intermediate_size", json!(architecture.intermediate)),
        ("num_hidden_layers", json!(architecture.layers)),
        ("num_attention_heads", json!(architecture.heads)),
        ("num_key_value_heads", json!(architecture.kv_heads)),
        ("head_dim", json!(architecture.head_dim)),
        ("max_position_embeddings", json!(architecture.context)),
        ("hidden_act", json!("silu")),
        ("rms_norm_eps", json!(eps)),
        ("rope_theta", theta),
        ("rope_scaling", scaling),
        ("tie_word_embeddings", json!(checkpoint.weights.head.is_none())),
        // Within the context that is left, no window leaves anything out.
        ("sliding_window", Value::Null),
        ("use_sliding_window", json!(false)),
        ("max_window_layers", json!(architecture.layers)),
    ];
    config.extend(told.map(|(name, value)| (name.to_owned(), value)));
    Ok(Value::Object(config))
}

/// What no file of it can say.
fn check(checkpoint: &Checkpoint) -> Result<(), Unknown> {
    let Checkpoint { architecture, weights, classes, .. } = checkpoint;
    if classes.is_some() {
        return unknown("models that classify");
    }
    if architecture.family == Family::Gpt2 {
        return unknown("the GPT-2 family");
    }
    let plain_heads = architecture.head_dim * architecture.heads == architecture.hidden;
    if !plain_heads && !matches!(architecture.family, Family::Mistral | Family::Qwen3) {
        return unknown("heads of another size than the hidden size divided by their number, in this family");
    }
    let inputs = matches!(architecture.family, Family::Qwen2);
    let biased = weights.layers.iter().any(|layer| {
        let attention = [&layer.query, &layer.key, &layer.value].into_iter().any(|linear| linear.bias.is_some());
        let others = [&layer.output, &layer.up, &layer.down].into_iter().any(|linear| linear.bias.is_some());
        others || (attention && !inputs)
    });
    if biased { unknown("the biases of this model's layers") } else { Ok(()) }
}

/// `rope_theta`, and `rope_scaling` where positions are stretched.
fn rope(architecture: &Architecture, original: &Map<String, Value>) -> Result<(Value, Value), Unknown> {
    let object = |name: &str| original.get(name).and_then(Value::as_object);
    let parameters = object("rope_parameters").or_else(|| object("rope_scaling"));
    let parameter = |name: &str| parameters.and_then(|parameters| parameters.get(name));
    let theta = parameter("rope_theta").or_else(|| original.get("rope_theta")).filter(|theta| !theta.is_null());
    let theta = theta.cloned().unwrap_or(json!(10_000.0));
    let kind = parameter("rope_type").or_else(|| parameter("type")).and_then(Value::as_str).unwrap_or("default");
    match (kind, architecture.family) {
        // Within the context that is left of a dynamic one, nothing is stretched.
        ("default" | "none" | "dynamic", _) => Ok((theta, Value::Null)),
        ("linear" | "llama3", Family::Llama) => {
            let mut scaling = parameters.cloned().unwrap_or_default();
            scaling.remove("type");
            scaling.insert("rope_type".to_owned(), json!(kind));
            if let Some(length) = original.get("original_max_position_embeddings").filter(|length| !length.is_null()) {
                scaling.insert("original_max_position_embeddings".to_owned(), length.clone());
            }
            Ok((theta, Value::Object(scaling)))
        }
        (kind, _) => unknown(format!("the rope type {kind:?} in this family")),
    }
}

/// Whether each pair of dimensions turns slower than the one before by the same factor, and the first by one a position.
fn is_plain(frequencies: &[f32], attention_factor: f32) -> bool {
    let close = |found: f32, expected: f32| (found - expected).abs() <= CLOSE * expected;
    let ratio = frequencies.get(1).copied().unwrap_or(1.0);
    let mut pairs = frequencies.windows(2);
    let begins = frequencies.first().is_some_and(|first| close(*first, 1.0));
    begins && close(attention_factor, 1.0) && pairs.all(|pair| close(pair[1], pair[0] * ratio))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What mistral.rs is told of one of the tiny models.
    fn told(name: &str) -> Result<Value, Unknown> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name);
        let original = serde_json::from_slice(&fs::read(directory.join("config.json")).unwrap()).unwrap();
        config(&Checkpoint::open(&directory).unwrap(), &original)
    }

    #[test]
    fn the_rotary_positions_of_today_are_told_in_the_old_words() {
        let told = told("hf/llama").unwrap();
        assert_eq!((&told["rope_theta"], &told["rope_scaling"]), (&json!(10_000.0), &Value::Null));
        assert_eq!(told.get("rope_parameters"), None);
    }

    #[test]
    fn a_stretched_model_keeps_how_it_is_stretched() {
        let linear = told("hf/llama-linear-f16").unwrap();
        assert_eq!(linear["rope_scaling"]["rope_type"], "linear");
        let llama3 = told("hf/llama-llama3-bf16").unwrap();
        assert_eq!(llama3["rope_scaling"]["rope_type"], "llama3");
        assert!(llama3["rope_scaling"]["original_max_position_embeddings"].is_number());
    }

    #[test]
    fn a_window_is_not_told_but_ends_the_context() {
        assert_eq!(told("hf/qwen2").unwrap()["sliding_window"], Value::Null);
        assert_eq!(told("hf/mistral").unwrap()["sliding_window"], Value::Null);
        let context_of = |name: &str| {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/models").join(name);
            context(&Checkpoint::open(&directory).unwrap().architecture)
        };
        assert_eq!((context_of("hf/mistral"), context_of("hf/qwen2")), (16, 128));
    }

    #[test]
    fn what_would_be_computed_as_something_else_is_refused() {
        for (name, what) in [
            ("hf/gpt2", "mistral.rs does not know the GPT-2 family"),
            ("hf/llama-yarn-sharded", "mistral.rs does not know the rope type \"yarn\" in this family"),
            ("hf/llama-classifier-f16", "mistral.rs does not know models that classify"),
        ] {
            assert_eq!(told(name).unwrap_err().to_string(), what, "{name}");
        }
    }

    #[test]
    fn stretched_frequencies_are_told_from_plain_ones() {
        let plain: Vec<f32> = (0..4).map(|pair| 10_000_f32.powf(-(pair as f32) / 4.0)).collect();
        assert!(is_plain(&plain, 1.0) && !is_plain(&plain, 1.2));
        let linear: Vec<f32> = plain.iter().map(|frequency| frequency / 4.0).collect();
        let bent = [plain[0], plain[1], plain[2] / 8.0, plain[3] / 8.0];
        assert!(!is_plain(&linear, 1.0) && !is_plain(&bent, 1.0));
    }
}
