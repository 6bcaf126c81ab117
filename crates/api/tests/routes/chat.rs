//! `POST /v1/chat/completions`

use std::sync::Arc;

use backend::{Event, FinishReason, MaxTokens, Temperature};
use serde_json::json;
use serving::{Defaults, Model};
use testkit::{Reply, Scripted, TestApp, events, settings};

use crate::{CHAT, chat_with};

#[tokio::test]
async fn an_answer_in_one_piece() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Good", " day"]));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({}))).await.ok();
    insta::assert_json_snapshot!(answer.stable_json(), @r#"
        {
          "id": "chatcmpl-…",
          "object": "chat.completion",
          "created": 1767225600,
          "model": "demo",
          "system_fingerprint": "fp_test",
          "choices": [
            {
              "index": 0,
              "message": {
                "role": "assistant",
                "content": "Good day",
                "refusal": null
              },
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
    backend.reply(Reply::text(&["Good", " day"]));
    let body = chat_with(json!({"stream": true}));
    let answer = TestApp::new(&backend).post(CHAT, &body).await.ok();
    insta::assert_snapshot!(answer.stable_events(), @r#"
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":"Good"},"logprobs":null,"finish_reason":null}]}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":" day"},"logprobs":null,"finish_reason":null}]}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}
        [DONE]
    "#);
}

#[tokio::test]
async fn a_stream_says_what_it_is() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn the_usage_comes_last_if_it_is_asked_for() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let body = chat_with(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let answer = TestApp::new(&backend).post(CHAT, &body).await.ok();
    insta::assert_snapshot!(answer.stable_events(), @r#"
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}
        {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1767225600,"model":"demo","system_fingerprint":"fp_test","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6,"prompt_tokens_details":{"cached_tokens":0}}}
        [DONE]
    "#);
}

#[tokio::test]
async fn several_choices() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::events(events::answers(&[&["a"], &["b", "c"]])));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"n": 2}))).await.ok().json();
    let texts: Vec<_> = answer["choices"].as_array().unwrap().iter().map(|it| &it["message"]["content"]).collect();
    assert_eq!(texts, ["a", "bc"]);
    assert_eq!(answer["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn several_choices_as_they_are_made() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::events(events::answers(&[&["a"], &["b"]])));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"n": 2, "stream": true}))).await.ok();
    let told: Vec<String> = answer
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str::<serde_json::Value>(&event.data).ok())
        .map(|chunk| format!("{} {}", chunk["choices"][0]["index"], chunk["choices"][0]["delta"]))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
        0 {"role":"assistant","content":""}
        1 {"role":"assistant","content":""}
        0 {"content":"a"}
        0 {}
        1 {"content":"b"}
        1 {}
    "#);
}

#[tokio::test]
async fn the_stop_string_is_told() {
    let backend = Scripted::new("demo");
    let answer = vec![events::prompt(5), events::text(0, "1 2"), events::stopped_by(0, " 3"), events::done(5, 3)];
    backend.reply(Reply::events(answer));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"stop": " 3"}))).await.ok().json();
    assert_eq!(backend.request().stop.strings(), [" 3"]);
    assert_eq!(
        (&answer["choices"][0]["finish_reason"], &answer["choices"][0]["stop_reason"]),
        (&json!("stop"), &json!(" 3"))
    );
}

#[tokio::test]
async fn the_end_of_the_length_is_told() {
    let backend = Scripted::new("demo");
    let answer =
        vec![events::prompt(5), events::text(0, "1"), events::finished(0, FinishReason::Length), events::done(5, 1)];
    backend.reply(Reply::events(answer));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"max_tokens": 1}))).await.ok().json();
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn logprobs() {
    let backend = Scripted::new("demo");
    let mut token = events::logprob(3, "é".as_bytes(), Some(-0.25));
    token.top = vec![backend::Alternative { token: 4, text: "e".into(), bytes: vec![101], logprob: f32::NEG_INFINITY }];
    let piece = Event::Text { choice: 0, text: "é".into(), tokens: 1, logprobs: vec![token] };
    let answer = vec![events::prompt(5), piece, events::finished(0, FinishReason::Stop), events::done(5, 1)];
    backend.reply(Reply::events(answer));
    let body = chat_with(json!({"logprobs": true, "top_logprobs": 1}));
    let answer = TestApp::new(&backend).post(CHAT, &body).await.ok().json();
    insta::assert_snapshot!(answer["choices"][0]["logprobs"], @r#"{"content":[{"token":"é","logprob":-0.25,"bytes":[195,169],"top_logprobs":[{"token":"e","logprob":-9999.0,"bytes":[101]}]}],"refusal":null}"#);
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let of_model = Defaults { temperature: Temperature::new(0.25).ok(), ..Defaults::default() };
    let model = Model { defaults: of_model, ..Model::new(Arc::new(backend.clone())) };
    let of_server =
        Defaults { temperature: Temperature::new(0.7).ok(), max_tokens: MaxTokens::new(99), ..Defaults::default() };
    let serving = serving::Settings { defaults: of_server, ..serving::Settings::default() };
    TestApp::with(vec![model], serving, settings()).post(CHAT, &chat_with(json!({}))).await.ok();
    let request = backend.request();
    assert_eq!(request.sampling.temperature, of_model.temperature);
    assert_eq!((request.max_tokens, request.default_max_tokens), (None, MaxTokens::new(99)));
}

#[tokio::test]
async fn an_alias_answers_under_its_own_name() {
    let backend = Scripted::new("org/demo");
    backend.reply(Reply::text(&["Hi"]));
    let model = Model { aliases: vec!["demo".into()], ..Model::new(Arc::new(backend.clone())) };
    let answer = TestApp::with_models(vec![model]).post(CHAT, &chat_with(json!({}))).await.ok().json();
    assert_eq!(answer["model"], "demo");
}
