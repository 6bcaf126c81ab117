//! `POST /v1/classify`, and a chat with a model that classifies

use backend::{Error, Keep, MaxTokens, Priority, Prompt, Scale, Truncation};
use serde_json::{Value, json};
use testkit::{Reply, Scripted, TestApp};

use crate::{CHAT, COMPLETIONS, chat_with, completion_with, with};

const CLASSIFY: &str = "/v1/classify";
const CLASSES: &[(&str, f32)] = &[("refund", 0.25), ("delivery", 0.625), ("other", 0.125)];

fn classifier() -> Scripted {
    Scripted::classifier("demo")
}

/// A request that is right, with these fields besides.
fn text_with(fields: Value) -> Value {
    with(json!({"model": "demo", "input": "my parcel"}), fields)
}

#[tokio::test]
async fn a_text_has_a_label_and_all_probabilities() {
    let backend = classifier();
    backend.reply(Reply::classes(CLASSES));
    let answer = TestApp::new(&backend).post(CLASSIFY, &text_with(json!({}))).await.ok();
    insta::assert_json_snapshot!(answer.stable_json(), @r#"
    {
      "id": "classify-…",
      "object": "list",
      "created": 1767225600,
      "model": "demo",
      "data": [
        {
          "index": 0,
          "label": "delivery",
          "probs": [
            0.25,
            0.625,
            0.125
          ],
          "num_classes": 3
        }
      ],
      "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 0,
        "total_tokens": 5,
        "prompt_tokens_details": {
          "cached_tokens": 0
        }
      }
    }
    "#);
}

#[tokio::test]
async fn texts_are_answered_in_their_order() {
    let backend = classifier();
    for label in 0..100 {
        backend.reply(Reply::classes(&[(&format!("label {label}"), 1.0)]));
    }
    let texts: Vec<String> = (0..100).map(|index| format!("text {index}")).collect();
    let answer = TestApp::new(&backend).post(CLASSIFY, &text_with(json!({"input": texts}))).await.ok().json();
    let labels: Vec<_> = answer["data"].as_array().unwrap().iter().map(|class| class["label"].clone()).collect();
    assert_eq!(labels, (0..100).map(|label| format!("label {label}")).collect::<Vec<_>>());
    assert_eq!(answer["usage"]["total_tokens"], 500);
}

#[tokio::test]
async fn what_is_asked_for_reaches_the_backend() {
    let backend = classifier();
    backend.reply(Reply::classes(CLASSES));
    let fields = json!({
        "input": [1, 2, 3], "truncate_prompt_tokens": 2, "truncation_side": "left", "use_activation": false, "priority": 3,
        "user": "somebody",
    });
    TestApp::new(&backend).post(CLASSIFY, &text_with(fields)).await.ok();
    let asked = backend.classifications().remove(0);
    assert_eq!((asked.prompt, asked.scale), (Prompt::Tokens(vec![1, 2, 3]), Scale::Logits));
    assert_eq!(asked.truncation, Some(Truncation { most: MaxTokens::new(2), keep: Keep::Last }));
    assert_eq!(asked.priority, Priority(3));
}

#[tokio::test]
async fn a_conversation_is_one_text() {
    let backend = classifier();
    backend.reply(Reply::classes(CLASSES));
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": "my parcel"}]});
    TestApp::new(&backend).post(CLASSIFY, &body).await.ok();
    assert!(matches!(&backend.classifications()[0].prompt, Prompt::Chat(chat) if chat.messages()[0].content == "my parcel"));
}

async fn refusal(backend: &Scripted, path: &str, body: &Value) -> String {
    let answer = TestApp::new(backend).post(path, body).await;
    let error = answer.json()["error"].clone();
    format!("{} {} {}: {}", answer.status.as_u16(), error["code"], error["param"], error["message"])
}

#[tokio::test]
async fn each_model_does_one_of_the_two() {
    insta::assert_snapshot!(refusal(&Scripted::new("demo"), CLASSIFY, &text_with(json!({}))).await, @r#"400 "unsupported_parameter" "model": "model is not supported: it writes texts and classifies none""#);
    insta::assert_snapshot!(refusal(&classifier(), COMPLETIONS, &completion_with(json!({}))).await, @r#"400 "unsupported_parameter" "model": "model is not supported: it classifies texts and does not go on with them""#);
}

#[tokio::test]
async fn one_refused_text_is_a_refused_request() {
    let backend = classifier();
    let too_long = Error::ContextLength { parameter: "input".into(), context: 8, prompt: 9, completion: 0 };
    backend.reply(Reply::classes(CLASSES)).reply(Reply::Refuse(too_long));
    let body = text_with(json!({"input": ["short", "long"]}));
    insta::assert_snapshot!(refusal(&backend, CLASSIFY, &body).await, @r#"400 "context_length_exceeded" "input[1]": "input[1]: this model's context is 8 tokens, but 9 were asked for in the prompt and 0 in the completion""#);
    let unknown = text_with(json!({"model": "other"}));
    insta::assert_snapshot!(refusal(&backend, CLASSIFY, &unknown).await, @r#"404 "model_not_found" "model": "the model \"other\" does not exist; there are: demo""#);
}

#[tokio::test]
async fn it_is_measured_under_its_name() {
    let backend = classifier();
    backend.reply(Reply::classes(CLASSES));
    let app = TestApp::new(&backend);
    app.post(CLASSIFY, &text_with(json!({}))).await.ok();
    let metrics = app.get("/metrics").await.ok();
    let tokens = "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"classify\"";
    let line = metrics.text().lines().find(|line| line.starts_with(tokens) && line.contains("\"input\"")).unwrap();
    assert!(line.ends_with(" 5.0"), "{line}");
}

#[tokio::test]
async fn a_chat_is_answered_with_the_best_label() {
    let backend = classifier();
    backend.reply(Reply::classes(CLASSES));
    let fields = json!({"temperature": 0.7, "top_p": 0.9, "max_tokens": 16, "seed": 1, "logprobs": true, "top_logprobs": 2});
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(fields)).await.ok().json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"], json!({"role": "assistant", "content": "delivery", "refusal": null}));
    assert_eq!((&choice["finish_reason"], &answer["usage"]["completion_tokens"]), (&json!("stop"), &json!(0)));
    let label = &choice["logprobs"]["content"][0];
    let likely = |entry: &Value| {
        let probability = entry["logprob"].as_f64().unwrap().exp();
        format!("{} {probability:.3}", entry["token"].as_str().unwrap())
    };
    assert_eq!(likely(label), "delivery 0.625");
    let top: Vec<_> = label["top_logprobs"].as_array().unwrap().iter().map(likely).collect();
    assert_eq!(top, ["delivery 0.625", "refund 0.250"]);
}

#[tokio::test]
async fn a_streamed_chat_too() {
    let backend = classifier();
    backend.reply(Reply::classes(CLASSES));
    let fields = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(fields)).await.ok();
    insta::assert_snapshot!(answer.stable_events(), @r#"
    {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}
    {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":"delivery"},"logprobs":null,"finish_reason":null}],"usage":null}
    {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}
    {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":0,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0}}}
    [DONE]
    "#);
}

#[tokio::test]
async fn what_would_change_a_label_is_refused() {
    let mut refusals = Vec::new();
    for fields in [
        json!({"n": 2}),
        json!({"stop": "e"}),
        json!({"logit_bias": {"5": 1}}),
        json!({"ignore_eos": true}),
        json!({"max_tokens": 5000}),
    ] {
        refusals.push(refusal(&classifier(), CHAT, &chat_with(fields)).await);
    }
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    400 "unsupported_parameter" "n": "n is not supported: this model has one best label"
    400 "unsupported_parameter" "stop": "stop is not supported: a label is not cut"
    400 "unsupported_parameter" "logit_bias": "logit_bias is not supported: a label is no token"
    400 "unsupported_parameter" "ignore_eos": "ignore_eos is not supported: nothing follows a label"
    400 "invalid_value" "max_tokens": "max_tokens must be at most 4096, but is 5000"
    "#);
}

#[tokio::test]
async fn a_model_without_a_choice_of_labels_has_nothing_to_say() {
    let backend = classifier();
    backend.reply(Reply::classes(&[("LABEL_0", 3.5)]));
    insta::assert_snapshot!(refusal(&backend, CHAT, &chat_with(json!({}))).await, @r#"400 "unsupported_parameter" "model": "model is not supported: it gives a number and no label, and so has nothing to say in a chat""#);
    backend.reply(Reply::classes(&[("width", 3.5), ("height", -1.0)]));
    insta::assert_snapshot!(refusal(&backend, CHAT, &chat_with(json!({"logprobs": true}))).await, @r#"400 "unsupported_parameter" "logprobs": "logprobs is not supported: this model's scores are no probabilities""#);
}

#[tokio::test]
async fn who_goes_away_leaves_the_queue() {
    let backend = classifier();
    backend.reply(Reply::Queue);
    let app = TestApp::new(&backend);
    let body = text_with(json!({}));
    tokio::select! {
        _ = app.post(CLASSIFY, &body) => panic!("nobody answers"),
        _ = backend.until(|counts| counts.waiting == 1) => {}
    }
    assert_eq!(backend.counts().left, 1);
}

#[tokio::test]
async fn the_list_of_models_says_what_it_is_there_for() {
    let models = TestApp::new(&classifier()).get("/api/llms").await.ok().json();
    assert_eq!(models[0]["capabilities"], json!(["classify", "chat", "stream"]));
}
