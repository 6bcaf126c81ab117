//! Models that classify: the tiny ones of `testkit`, and what is refused.

use serde_json::Value;
use tempfile::tempdir;

use super::bytes::{CONFIG, TENSORS, safetensors, write_model};
use super::fixtures::{fixture, relative_error};
use super::reference::last_logits;
use crate::hugging_face;
use crate::{Checkpoint, Family, Scoring};

const TOLERANCE: f64 = 2e-5;

fn check(name: &str, family: Family, scoring: Scoring) {
    let model = Checkpoint::open(&fixture(name)).unwrap();
    let classes = model.classes.as_ref().unwrap();
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture(name).join("expected.json")).unwrap()).unwrap();
    assert_eq!((model.summary.family, classes.scoring), (family.name(), scoring));
    assert_eq!(Value::from(classes.labels.clone()), expected["labels"]);
    assert!(model.warnings.is_empty(), "{:?}", model.warnings);
    for case in expected["cases"].as_array().unwrap() {
        let mut tokens: Vec<u32> = serde_json::from_value(case["tokens"].clone()).unwrap();
        while classes.padding.is_some() && tokens.last().copied() == classes.padding {
            tokens.pop();
        }
        let logits: Vec<f32> = serde_json::from_value(case["logits"].clone()).unwrap();
        let error = relative_error(&last_logits(&model, &tokens), &logits);
        assert!(error < TOLERANCE, "{name}, {} tokens: the relative error is {error:e}", tokens.len());
    }
}

#[test]
fn every_family_classifies() {
    check("hf/gpt2-classifier", Family::Gpt2, Scoring::OneOf);
    check("hf/llama-classifier-f16", Family::Llama, Scoring::OneOf);
    check("hf/mistral-regression", Family::Mistral, Scoring::Value);
    check("hf/qwen2-classifier-f16", Family::Qwen2, Scoring::EachByItself);
    check("hf/qwen3-reward", Family::Qwen3, Scoring::EachByItself);
}

#[test]
fn a_model_that_writes_has_no_classes() {
    assert_eq!(Checkpoint::open(&fixture("hf/llama")).unwrap().classes, None);
}

/// What is said of a classifier whose head is this.
fn refusal(name: &str, shape: &[usize]) -> String {
    let directory = tempdir().unwrap();
    let head = [(name, shape), ("score.weight", &[2, 8])];
    let count = if name == "score.weight" { 1 } else { 2 };
    let tensors: Vec<_> = TENSORS.iter().copied().chain(head.into_iter().take(count)).collect();
    let config = CONFIG.replace("LlamaForCausalLM", "LlamaForSequenceClassification");
    write_model(directory.path(), &config, &safetensors(&tensors));
    let error = hugging_face::open(directory.path()).unwrap_err().to_string();
    error.replace(&directory.path().display().to_string(), "PATH")
}

#[test]
fn a_head_of_other_classes_than_the_labels_is_refused() {
    let expected = r#"PATH/model.safetensors: tensor "score.weight": expected shape [2, 8], found [3, 8]"#;
    assert_eq!(refusal("score.weight", &[3, 8]), expected);
}

#[test]
fn a_classifier_without_its_head_is_refused() {
    let directory = tempdir().unwrap();
    let config = CONFIG.replace("LlamaForCausalLM", "LlamaForSequenceClassification");
    write_model(directory.path(), &config, &safetensors(&TENSORS));
    let error = hugging_face::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains(r#"tensor "score.weight": expected this tensor, found no tensor of this name"#), "{error}");
}

#[test]
fn a_bias_of_the_head_is_refused() {
    assert_eq!(refusal("score.bias", &[2]), r#"PATH: tensor "score.bias": expected no such tensor, found one"#);
}
