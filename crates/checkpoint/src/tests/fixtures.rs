//! The tiny models of `testkit`: the plain decoder on what was read from each gives transformers' logits.

use std::path::PathBuf;

use serde_json::Value;

use super::reference::last_logits;
use crate::{Checkpoint, Family, inspect};

pub(super) fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "testkit", "fixtures", "models", name].iter().collect()
}

/// Both orders of summation are right, so that the last bits differ.
const TOLERANCE: f64 = 2e-5;

fn check(name: &str, family: Family, format: &str) {
    let model = Checkpoint::open(&fixture(name)).unwrap();
    assert_eq!((model.summary.family, model.summary.format.as_str()), (family.name(), format));
    assert_eq!(inspect(&fixture(name)).unwrap(), model.summary);
    assert_eq!(model.warnings.iter().find(|warning| warning.contains("not used")), None);
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture(name).join("expected.json")).unwrap()).unwrap();
    for prompt in expected["prompts"].as_array().unwrap() {
        let tokens: Vec<u32> = serde_json::from_value(prompt["prompt"].clone()).unwrap();
        let expected: Vec<f32> = serde_json::from_value(prompt["last_logits"].clone()).unwrap();
        let error = relative_error(&last_logits(&model, &tokens), &expected);
        assert!(error < TOLERANCE, "{name}, {} tokens: the relative error is {error:e}", tokens.len());
    }
}

pub(super) fn relative_error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = length(&mut found.iter().zip(expected).map(|(found, expected)| f64::from(found - expected)));
    difference / length(&mut expected.iter().map(|&expected| f64::from(expected)))
}

#[test]
fn llama() {
    check("hf/llama", Family::Llama, "F32");
}

#[test]
fn llama_with_llama3_rope_in_bf16() {
    check("hf/llama-llama3-bf16", Family::Llama, "BF16");
}

#[test]
fn llama_with_linear_rope_in_f16() {
    check("hf/llama-linear-f16", Family::Llama, "F16");
}

#[test]
fn llama_with_yarn_in_shards() {
    check("hf/llama-yarn-sharded", Family::Llama, "F32");
}

#[test]
fn mistral() {
    check("hf/mistral", Family::Mistral, "F32");
}

#[test]
fn qwen2() {
    check("hf/qwen2", Family::Qwen2, "F32");
}

#[test]
fn qwen3_in_shards() {
    check("hf/qwen3-sharded", Family::Qwen3, "F32");
}

#[test]
fn gpt2() {
    check("hf/gpt2", Family::Gpt2, "F32");
}

#[test]
fn gguf_llama_in_every_format() {
    let formats = [("f32", "F32"), ("f16", "F16"), ("q8_0", "Q8_0"), ("q4_0", "Q4_0"), ("q4_k", "Q4_K"), ("q5_k", "Q5_K")];
    for (name, format) in formats.into_iter().chain([("q6_k", "Q6_K")]) {
        check(&format!("gguf/llama-{name}"), Family::Llama, format);
    }
}

#[test]
fn gguf_llama_with_llama3_rope() {
    check("gguf/llama-llama3-bf16", Family::Llama, "BF16");
}

#[test]
fn gguf_qwen() {
    check("gguf/qwen2-q8_0", Family::Qwen2, "Q8_0");
    check("gguf/qwen3-q8_0", Family::Qwen3, "Q8_0");
}

#[test]
fn gguf_gpt2() {
    check("gguf/gpt2-f16", Family::Gpt2, "F16");
}
