//! What mistral.rs cannot do is refused, at the start or with the request, and never passed over.

use std::sync::Arc;

use backend::{
    Adapter, Backend, Classification, Echo, Error, Generation, Kind, Priority, Prompt, Scale, Tenant, TopLogprobs,
};
use futures_util::StreamExt;
use mistralrs_engine::MistralSettings;

use crate::asking::{greedy, settings, start, try_start};

fn refusal(name: &str, settings: MistralSettings) -> String {
    try_start(name, settings).expect_err("it is refused").to_string()
}

#[test]
fn a_model_that_it_would_run_as_something_else_is_refused() {
    assert_eq!(refusal("hf/gpt2", settings()), "mistral.rs does not know the GPT-2 family");
    let yarn = "mistral.rs does not know the rope type \"yarn\" in this family";
    assert_eq!(refusal("hf/llama-yarn-sharded", settings()), yarn);
    let stretched = "mistral.rs does not know the stretched rotary positions of a GGUF file";
    assert_eq!(refusal("gguf/llama-llama3-bf16", settings()), stretched);
    assert_eq!(refusal("hf/qwen3-reward", settings()), "mistral.rs does not know models that classify");
}

#[test]
fn weights_of_a_gguf_file_stay_as_they_are() {
    let quantised = refusal("gguf/llama-q8_0", MistralSettings { quantization: Some("q4_0".into()), ..settings() });
    assert!(quantised.starts_with("its weights cannot be quantised to q4_0"), "{quantised}");
}

#[test]
fn a_device_that_this_build_knows_nothing_of_is_refused() {
    let device = mistralrs_engine::Device::Metal;
    if !device.is_there() {
        let refused = refusal("hf/llama", MistralSettings { device, ..settings() });
        assert!(refused.starts_with("the device metal cannot be used"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_and_the_logarithms_of_a_prompt_are_refused() {
    let engine = start("hf/llama");
    let adapted = Generation { adapter: Some(Adapter::new(Arc::new(()))), ..greedy(vec![1], 1) };
    let (echo, logprobs) = (Some(Echo::ThenGenerate), TopLogprobs::new(0).ok());
    for generation in [adapted, Generation { echo, logprobs, ..greedy(vec![1], 1) }] {
        assert_eq!(engine.generate(generation).await.err().unwrap().kind(), Kind::Unsupported);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_outside_the_vocabulary_is_refused() {
    let refused = start("hf/llama").generate(greedy(vec![277], 1)).await.err().unwrap();
    assert!(matches!(refused, Error::Invalid { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_classified() {
    let classification = Classification {
        model: "tiny".into(),
        adapter: None,
        prompt: Prompt::Text("a text".into()),
        encoded: None,
        truncation: None,
        scale: Scale::Meant,
        priority: Priority::default(),
        tenant: Tenant::default(),
    };
    assert_eq!(start("hf/llama").classify(classification).await.unwrap_err().kind(), Kind::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_alone_is_given_back_without_being_run() {
    let engine = start("hf/llama");
    let prompt = Generation { echo: Some(Echo::PromptOnly), ..greedy(vec![17, 48], 1) };
    let events: Vec<_> = engine.generate(prompt).await.unwrap().collect().await;
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(engine.activity().prompt_tokens, 0);
}
