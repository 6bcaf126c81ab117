//! `POST /v1/classify`: what is accepted, and what is refused with which words.

use backend::{Classification, Keep, MaxTokens, Prompt, Scale, Truncation};
use openai::{Body, Error, classify};
use serde_json::{Value, json};

fn read(body: &Value) -> Result<Vec<Classification>, Error> {
    classify::Request::parse(body.to_string().as_bytes())?.classifications()
}

fn prompts(input: &Value) -> Vec<Prompt> {
    let all = read(&json!({"model": "demo", "input": input})).unwrap();
    all.into_iter().map(|classification| classification.prompt).collect()
}

fn one(fields: Value) -> Classification {
    let mut body = json!({"model": "demo", "input": "Hi"});
    body.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    read(&body).unwrap().remove(0)
}

#[test]
fn a_text_several_texts_and_the_same_as_tokens() {
    assert_eq!(prompts(&json!("a")), [Prompt::Text("a".into())]);
    assert_eq!(prompts(&json!(["a", "b"])), [Prompt::Text("a".into()), Prompt::Text("b".into())]);
    assert_eq!(prompts(&json!([1, 2])), [Prompt::Tokens(vec![1, 2])]);
    assert_eq!(prompts(&json!([[1], [2]])), [Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2])]);
}

#[test]
fn the_activation_has_three_names() {
    assert_eq!(one(json!({})).scale, Scale::Meant);
    for name in ["use_activation", "activation", "softmax"] {
        assert_eq!(one(json!({name: false})).scale, Scale::Logits);
        assert_eq!(one(json!({name: true})).scale, Scale::Meant);
    }
}

#[test]
fn a_text_may_be_cut() {
    assert_eq!(one(json!({})).truncation, None);
    let context = Truncation { most: None, keep: Keep::First };
    assert_eq!(one(json!({"truncate_prompt_tokens": -1})).truncation, Some(context));
    let last = Truncation { most: MaxTokens::new(3), keep: Keep::Last };
    assert_eq!(one(json!({"truncate_prompt_tokens": 3, "truncation_side": "left"})).truncation, Some(last));
}

#[test]
fn what_says_nothing_special_is_accepted() {
    one(json!({"user": "somebody", "add_special_tokens": true, "softmax": null, "priority": -5}));
}

#[test]
fn refusals_name_the_field() {
    let mut said = Vec::new();
    for body in [
        json!({"input": "a"}),
        json!({"model": "demo"}),
        json!({"model": "demo", "input": []}),
        json!({"model": "demo", "input": ["a", 5]}),
        json!({"model": "demo", "input": 5}),
        json!({"model": "demo", "input": vec!["a"; 1025]}),
        json!({"model": "demo", "input": "a", "messages": []}),
        json!({"model": "demo", "messages": []}),
        json!({"model": "demo", "input": "a", "truncate_prompt_tokens": 0}),
        json!({"model": "demo", "input": "a", "truncation_side": "left"}),
        json!({"model": "demo", "input": "a", "truncate_prompt_tokens": 5, "truncation_side": "middle"}),
        json!({"model": "demo", "input": "a", "use_activation": true, "softmax": false}),
        json!({"model": "demo", "input": "a", "add_generation_prompt": true}),
        json!({"model": "demo", "input": "a", "add_special_tokens": false}),
        json!({"model": "demo", "input": "a", "dimensions": 5}),
    ] {
        let error = read(&body).unwrap_err();
        said.push(format!("[{}] {error}", error.code().unwrap_or("-")));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    [missing_required_parameter] model is required
    [missing_required_parameter] input is required
    [invalid_value] input must not be empty
    [invalid_value] input[1] is a token among prompts
    [invalid_type] input: invalid type: integer `5`, expected a string or an array
    [invalid_value] input must be at most 1024 texts, but is 1025 prompts
    [invalid_value] input cannot be beside messages
    [invalid_value] messages must not be empty
    [invalid_value] truncate_prompt_tokens must be at least 1, or -1 for the model's context, but is 0
    [invalid_value] truncation_side needs truncate_prompt_tokens
    [invalid_value] truncation_side must be left or right, but is "middle"
    [invalid_value] use_activation has an older name beside it that says the opposite
    [unsupported_parameter] add_generation_prompt is not supported: only false is
    [unsupported_parameter] add_special_tokens is not supported: only true is
    [unknown_parameter] there is no parameter dimensions
    "#);
}
