//! `POST /v1/completions`

use backend::{Echo, Event, FinishReason};
use serde_json::{Value, json};
use testkit::{Reply, Scripted, TestApp, events};

use crate::{COMPLETIONS, completion_with};

#[tokio::test]
async fn an_answer_in_one_piece() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&[" upon", " a time"]));
    let answer = TestApp::new(&backend).post(COMPLETIONS, &completion_with(json!({}))).await.ok();
    insta::assert_json_snapshot!(answer.stable_json(), @r#"
        {
          "id": "cmpl-…",
          "object": "text_completion",
          "created": 1767225600,
          "model": "demo",
          "system_fingerprint": "fp_test",
          "choices": [
            {
              "index": 0,
              "text": " upon a time",
              "logprobs": null,
              "finish_reason": "stop"
            }
          ],
          "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "total_tokens": 7,
            "prompt_tokens_details": {
              "cached_tokens": 0
            }
          }
        }
    "#);
}

#[tokio::test]
async fn an_answer_as_it_is_made() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&[" upon", " a time"]));
    let body = completion_with(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let answer = TestApp::new(&backend).post(COMPLETIONS, &body).await.ok();
    insta::assert_snapshot!(answer.stable_events(), @r#"
        {"id":"cmpl-…","object":"text_completion","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"text":" upon","logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"cmpl-…","object":"text_completion","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"text":" a time","logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"cmpl-…","object":"text_completion","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}],"usage":null}
        {"id":"cmpl-…","object":"text_completion","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0}}}
        [DONE]
    "#);
}

#[tokio::test]
async fn the_prompt_and_nothing_else() {
    let backend = Scripted::new("demo");
    let logprobs = vec![events::logprob(1, b"On", None), events::logprob(2, b"ce", Some(-1.5))];
    let prompt = Event::Prompt { tokens: 2, cached: 0, echo: Some("Once".into()), logprobs };
    backend.reply(Reply::events(vec![prompt, events::finished(0, FinishReason::Length), events::done(2, 0)]));
    let body = completion_with(json!({"echo": true, "max_tokens": 0, "logprobs": 0}));
    let answer = TestApp::new(&backend).post(COMPLETIONS, &body).await.ok();
    assert_eq!(backend.request().echo, Some(Echo::PromptOnly));
    insta::assert_snapshot!(answer.json()["choices"], @r#"[{"index":0,"text":"Once","logprobs":{"tokens":["On","ce"],"token_logprobs":[null,-1.5],"top_logprobs":[null,{"ce":-1.5}],"text_offset":[0,2]},"finish_reason":"length"}]"#);
}

#[tokio::test]
async fn several_prompts_are_answered_in_their_order() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["a"])).reply(Reply::text(&["b"])).reply(Reply::text(&["c"]));
    let body = completion_with(json!({"prompt": ["1", "2", "3"]}));
    let answer = TestApp::new(&backend).post(COMPLETIONS, &body).await.ok().json();
    let texts: Vec<_> = answer["choices"].as_array().unwrap().iter().map(|it| &it["text"]).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert_eq!(answer["usage"]["total_tokens"], 18);
}

#[tokio::test]
async fn one_refused_prompt_refuses_all() {
    let backend = Scripted::new("demo");
    let too_long = backend::Error::ContextLength { parameter: "prompt".into(), context: 8, prompt: 9, completion: 1 };
    backend.reply(Reply::text(&["a"])).reply(Reply::Refuse(too_long));
    let body = completion_with(json!({"prompt": ["1", "2"], "stream": true}));
    let answer = TestApp::new(&backend).post(COMPLETIONS, &body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["code"], "context_length_exceeded");
    assert_eq!(answer.json()["error"]["param"], "prompt[1]");
    assert_eq!(backend.counts().running, 0);
}

#[tokio::test]
async fn the_usage_comes_once_for_all_prompts() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["a"])).reply(Reply::text(&["b"]));
    let body = completion_with(json!({
        "prompt": [[1], [2]], "stream": true, "stream_options": {"include_usage": true},
    }));
    let answer = TestApp::new(&backend).post(COMPLETIONS, &body).await.ok();
    let usages: Vec<Value> = answer
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(&event.data).ok())
        .map(|chunk| chunk["usage"]["total_tokens"].clone())
        .filter(|total| !total.is_null())
        .collect();
    assert_eq!(usages, [12]);
}
