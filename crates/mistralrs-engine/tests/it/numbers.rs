//! The numbers: the families and formats that mistral.rs runs against what Hugging Face transformers computed with the same weights.

use backend::{Backend, Generation, TopLogprobs};
use serde_json::Value;

use crate::asking::{expected, greedy, ids, logprobs, start};

/// Natural logarithms of probabilities of the row.
fn logarithms(row: &Value) -> Vec<f64> {
    let logits: Vec<f64> = row.as_array().unwrap().iter().map(|logit| logit.as_f64().unwrap()).collect();
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
    logits.iter().map(|logit| logit - sum.ln()).collect()
}

/// Holds a model to its reference: the greedy tokens, and the logarithms of the likeliest first ones within `tolerance`.
async fn check(name: &str, tolerance: f64) {
    let engine = start(name);
    let context = engine.card().context_length as usize;
    for prompt in expected(name)["prompts"].as_array().unwrap() {
        let (asked, mut follows) = (ids(&prompt["prompt"]), ids(&prompt["greedy"]));
        follows.truncate(context.saturating_sub(asked.len()));
        if follows.is_empty() {
            continue;
        }
        let generation = Generation { logprobs: TopLogprobs::new(20).ok(), ..greedy(asked.clone(), follows.len() as u32) };
        let found = logprobs(&engine, generation).await;
        let reference = logarithms(&prompt["last_logits"]);
        for alternative in &found[0].top {
            let (is, should) = (f64::from(alternative.logprob), reference[alternative.token as usize]);
            assert!((is - should).abs() <= tolerance, "{name}: token {} has {is}, not {should}", alternative.token);
        }
        let tokens: Vec<u32> = found.iter().map(|logprob| logprob.token).collect();
        assert_eq!(tokens, follows, "{name}, behind {} tokens", asked.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_with_a_config_of_today() {
    check("hf/llama", 1e-3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_with_linear_scaling_in_f16() {
    check("hf/llama-linear-f16", 1e-3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_3_in_bf16() {
    check("hf/llama-llama3-bf16", 1e-3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistral_as_far_as_its_sliding_window() {
    check("hf/mistral", 1e-3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn qwen2_with_a_window_that_is_not_used() {
    check("hf/qwen2", 1e-3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn qwen3_in_shards() {
    check("hf/qwen3-sharded", 1e-3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_as_gguf() {
    check("gguf/llama-f32", 1e-3).await;
}
