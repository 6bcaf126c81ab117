//! What a text completion asks for.

use backend::{Echo, Generation, Prompt};
use openai::{Body, completions};
use serde_json::{Value, json};

fn generations(fields: Value) -> Vec<Generation> {
    let mut body = json!({"model": "demo", "prompt": "Hi"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    completions::Request::parse(body.to_string().as_bytes()).unwrap().generations().unwrap()
}

fn prompts(prompt: Value) -> Vec<Prompt> {
    generations(json!({ "prompt": prompt })).into_iter().map(|generation| generation.prompt).collect()
}

#[test]
fn four_ways_to_write_prompts() {
    let text = |text: &str| Prompt::Text(text.into());
    assert_eq!(prompts(json!("a")), [text("a")]);
    assert_eq!(prompts(json!(["a", "b"])), [text("a"), text("b")]);
    assert_eq!(prompts(json!([1, 2])), [Prompt::Tokens(vec![1, 2])]);
    assert_eq!(prompts(json!([[1, 2], [3]])), [Prompt::Tokens(vec![1, 2]), Prompt::Tokens(vec![3])]);
    assert_eq!(prompts(json!(["a", [1]])), [text("a"), Prompt::Tokens(vec![1])]);
}

#[test]
fn echo_alone_and_with_an_answer() {
    let length = |fields: Value| {
        let generation = generations(fields).remove(0);
        (generation.echo, generation.max_tokens.map(std::num::NonZero::get))
    };
    assert_eq!(length(json!({"echo": true})), (Some(Echo::ThenGenerate), None));
    assert_eq!(length(json!({"echo": true, "max_tokens": 4})), (Some(Echo::ThenGenerate), Some(4)));
    assert_eq!(length(json!({"echo": true, "max_tokens": 0})), (Some(Echo::PromptOnly), None));
    assert_eq!(length(json!({"echo": false, "max_tokens": 4})), (None, Some(4)));
}

#[test]
fn logprobs_are_a_number() {
    let logprobs = generations(json!({"logprobs": 20})).remove(0).logprobs;
    assert_eq!(logprobs.map(backend::TopLogprobs::get), Some(20));
}
