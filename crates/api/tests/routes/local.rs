//! `/api/*`

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use backend::{Error, FinishReason, MaxTokens, Prompt, Temperature};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use serving::{Group, Model};
use testkit::{Reply, Scripted, TestApp, card, events, post};
use tokio::time::Instant;

const GENERATE: &str = "/api/generate";
const CHAT: &str = "/api/chat";

fn prompt() -> Value {
    json!({"prompt": "Once", "model": "demo"})
}

fn conversation() -> Value {
    json!({"messages": [{"role": "user", "content": "Hello!"}], "model": "demo"})
}

/// What the surface answers to a body, given a whole answer of the model.
async fn answered(path: &str, body: Value) -> (String, HeaderMap) {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Good", "", " day"]));
    let answer = TestApp::new(&backend).post(path, &body).await.ok();
    let told =
        if body["stream"] == true || path.ends_with("/stream") { answer.stable_events() } else { answer.text().into() };
    (told, answer.headers)
}

#[tokio::test]
async fn a_text_in_one_piece() {
    insta::assert_snapshot!(answered(GENERATE, prompt()).await.0, @r#"{"text":"Good day","model":"demo","tokens_generated":3,"finish_reason":"stop","usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":0}}}"#);
}

#[tokio::test]
async fn a_text_as_it_is_made() {
    let (events, headers) = answered("/api/generate/stream", prompt()).await;
    insta::assert_snapshot!(events, @r#"
        {"text":"Good"}
        {"text":" day"}
        {"done":true,"tokens_generated":3,"finish_reason":"stop","usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":0}}}
        [DONE]
    "#);
    assert_eq!(
        (&headers["content-type"], &headers["cache-control"]),
        (&"text/event-stream".parse().unwrap(), &"no-cache".parse().unwrap())
    );
    assert_eq!(headers["x-accel-buffering"], "no");
}

#[tokio::test]
async fn a_reply_in_one_piece() {
    insta::assert_snapshot!(answered(CHAT, conversation()).await.0, @r#"{"message":{"role":"assistant","content":"Good day"},"model":"demo","tokens_generated":3,"finish_reason":"stop","usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":0}}}"#);
}

#[tokio::test]
async fn a_reply_as_it_is_made() {
    insta::assert_snapshot!(answered("/api/chat/stream", conversation()).await.0, @r#"
        {"content":"Good"}
        {"content":" day"}
        {"done":true,"tokens_generated":3,"finish_reason":"stop","usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":0}}}
        [DONE]
    "#);
}

#[tokio::test]
async fn the_plain_paths_stream_if_they_are_asked_to() {
    for (path, mut body) in [(GENERATE, prompt()), (CHAT, conversation())] {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
        assert_eq!(answered(path, body.clone()).await.0, answered(&format!("{path}/stream"), body).await.0);
    }
}

#[tokio::test]
async fn the_end_of_the_length_is_told() {
    let backend = Scripted::new("demo");
    let answer =
        || vec![events::prompt(5), events::text(0, "1"), events::finished(0, FinishReason::Length), events::done(5, 1)];
    backend.reply(Reply::events(answer())).reply(Reply::events(answer()));
    let app = TestApp::new(&backend);
    assert_eq!(app.post(GENERATE, &prompt()).await.ok().json()["finish_reason"], "length");
    let events = app.post("/api/generate/stream", &prompt()).await.ok().events();
    assert!(events[1].data.contains(r#""finish_reason":"length""#));
}

#[tokio::test]
async fn every_parameter_of_v1_arrives() {
    let backend = Scripted::new("demo");
    let parameters = json!({
        "temperature": 0.5, "top_p": 0.75, "top_k": 40, "min_p": 0.125, "presence_penalty": 1, "frequency_penalty": -1,
        "repetition_penalty": 1.25, "logit_bias": {"7": -100}, "seed": 3, "n": 1, "stop": ["a", "b"], "ignore_eos": true,
        "priority": -5, "max_completion_tokens": 9, "user": "me",
    });
    let app = TestApp::new(&backend);
    for (path, body) in [(GENERATE, prompt()), (CHAT, conversation()), ("/v1/chat/completions", conversation())] {
        backend.reply(Reply::text(&["Hi"]));
        app.post(path, &crate::with(body, parameters.clone())).await.ok();
    }
    let [text, chat, openai] = <[_; 3]>::try_from(backend.requests()).unwrap();
    assert_eq!(text.prompt, Prompt::Text("Once".into()));
    assert_eq!(format!("{chat:?}"), format!("{openai:?}"));
    assert_eq!((&text.sampling, &text.stop), (&openai.sampling, &openai.stop));
    assert_eq!((text.max_tokens, text.priority), (MaxTokens::new(9), openai.priority));
    assert_eq!(text.sampling.temperature, Temperature::new(0.5).ok());
}

#[tokio::test]
async fn the_model_may_be_left_out() {
    let (sql, demo) = (Scripted::new("sql"), Scripted::new("demo"));
    demo.reply(Reply::text(&["Hi"]));
    let models = vec![Model { group: Group::TextToSql, ..Model::new(Arc::new(sql)) }, Model::new(Arc::new(demo))];
    let answer = TestApp::with_models(models).post(GENERATE, &json!({"prompt": "Once"})).await.ok().json();
    assert_eq!(answer["model"], "demo");
}

/// Status and body of a refusal.
async fn refused(path: &str, body: Value) -> String {
    let answer = TestApp::new(&Scripted::new("demo")).post(path, &body).await;
    format!("{} {}", answer.status.as_u16(), answer.stable_json())
}

#[tokio::test]
async fn what_has_no_place_in_the_answer_is_refused() {
    let with = |name: &str, value: Value| crate::with(conversation(), json!({ name: value }));
    insta::assert_snapshot!(refused(CHAT, with("n", 2.into())).await, @r#"400 {"error":"validation_error","message":"n is not supported: only 1 is; /v1/chat/completions answers several times","details":{"field":"n"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(CHAT, with("logprobs", true.into())).await, @r#"400 {"error":"validation_error","message":"logprobs is not supported: this answer has no place for them; /v1/chat/completions has","details":{"field":"logprobs"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused(GENERATE, crate::with(prompt(), json!({"logprobs": 3}))).await, @r#"400 {"error":"validation_error","message":"logprobs is not supported: only false is","details":{"field":"logprobs"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused("/api/chat/stream", with("stream", false.into())).await, @r#"400 {"error":"validation_error","message":"stream is not supported: this path always streams; the one without /stream does not","details":{"field":"stream"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
    insta::assert_snapshot!(refused("/api/chat/stream", with("stream_options", json!({"include_usage": false}))).await, @r#"400 {"error":"validation_error","message":"stream_options.include_usage is not supported: only true is","details":{"field":"stream_options.include_usage"},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}"#);
}

#[tokio::test]
async fn a_failure_after_the_first_byte_is_told_in_this_surfaces_body() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    remote.send(events::prompt(5));
    remote.send(events::text(0, "Hi"));
    remote.fail(Error::Upstream { reason: "it hung up".into() });
    let answer = TestApp::new(&backend).post("/api/chat/stream", &conversation()).await.ok();
    let last = answer.events().pop().unwrap();
    let body: Value = serde_json::from_str(&last.data).unwrap();
    assert_eq!((last.event.as_str(), &body["error"]), ("error", &json!("upstream_error")));
    assert_eq!(body["request_id"], answer.header("x-request-id").unwrap());
    assert!(!answer.text().contains("[DONE]"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_pings() {
    let backend = Scripted::new("demo");
    let (reply, _remote) = Reply::steered();
    backend.reply(reply);
    let started = Instant::now();
    let app = TestApp::new(&backend);
    let mut body = app.open(post("/api/generate/stream", prompt().to_string())).await.into_body();
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!((&frame[..], started.elapsed()), (&b": ping\n\n"[..], Duration::from_secs(15)));
}

#[tokio::test]
async fn the_models_and_what_they_can() {
    let sql = Scripted::with_card(backend::ModelCard { size: 7, ..card("org/sql") });
    let sql = Model { group: Group::TextToSql, ..Model::new(Arc::new(sql)) };
    let app = TestApp::with_models(vec![Model::new(Arc::new(Scripted::new("demo"))), sql]);
    insta::assert_snapshot!(app.get("/api/llms").await.ok().text(), @r#"[{"id":"demo","name":"demo","description":"a script","size":0,"capabilities":["generate","chat","stream"]},{"id":"org/sql","name":"sql","description":"a script","size":7,"capabilities":["generate","chat","stream","text2sql"]}]"#);
    let alone = TestApp::new(&Scripted::new("demo")).get("/api/llms").await.ok().json();
    assert_eq!(alone[0]["capabilities"], json!(["generate", "chat", "stream", "text2sql"]));
}
