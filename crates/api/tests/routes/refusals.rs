//! Every row of the table of errors, in both bodies.

use std::sync::Arc;
use std::time::Duration;

use backend::{Error, MaxTokens, ModelState};
use futures_util::StreamExt;
use serde_json::json;
use serving::Model;
use testkit::{Answer, Reply, Scripted, TestApp, post, settings};

use crate::{CHAT, chat_with};

fn told(answer: &Answer) -> String {
    let wait = answer.header("retry-after").map_or_else(String::new, |wait| format!(" retry-after: {wait}"));
    format!("{}{wait}\n{}", answer.status, answer.stable_json())
}

/// What a client hears if the backend refuses so.
async fn refused(error: Error) -> String {
    let backend = Scripted::new("demo");
    backend.reply(Reply::Refuse(error));
    told(&TestApp::new(&backend).post(CHAT, &chat_with(json!({"stream": true}))).await)
}

#[tokio::test]
async fn what_a_backend_can_refuse() {
    let seconds = Duration::from_millis;
    insta::assert_snapshot!(refused(Error::invalid("logit_bias", "no such token")).await, @r#"
        400 Bad Request
        {"error":{"message":"logit_bias: no such token","type":"invalid_request_error","param":"logit_bias","code":"invalid_value"}}
    "#);
    insta::assert_snapshot!(refused(Error::unsupported("priority", "one queue")).await, @r#"
        400 Bad Request
        {"error":{"message":"priority is not supported: one queue","type":"invalid_request_error","param":"priority","code":"unsupported_parameter"}}
    "#);
    insta::assert_snapshot!(refused(Error::ContextLength { parameter: "messages".into(), context: 8, prompt: 6, completion: 3 }).await, @r#"
        400 Bad Request
        {"error":{"message":"messages: this model's context is 8 tokens, but 6 were asked for in the prompt and 3 in the completion","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}
    "#);
    insta::assert_snapshot!(refused(Error::QueueFull { reason: "the queue is full", retry_after: seconds(1500) }).await, @r#"
        429 Too Many Requests retry-after: 2
        {"error":{"message":"the queue is full; try again in 2 s","type":"rate_limit_error","param":null,"code":"queue_full"}}
    "#);
    insta::assert_snapshot!(refused(Error::Unavailable { reason: "not now".into(), retry_after: seconds(0) }).await, @r#"
        503 Service Unavailable retry-after: 1
        {"error":{"message":"not now","type":"server_error","param":null,"code":"service_unavailable"}}
    "#);
    insta::assert_snapshot!(refused(Error::Upstream { reason: "it answered 500".into() }).await, @r#"
        502 Bad Gateway
        {"error":{"message":"the server behind this model failed: it answered 500","type":"server_error","param":null,"code":"upstream_error"}}
    "#);
    insta::assert_snapshot!(refused(Error::Timeout { after: seconds(60_000) }).await, @r#"
        504 Gateway Timeout
        {"error":{"message":"no answer within 60 s","type":"server_error","param":null,"code":"gateway_timeout"}}
    "#);
    insta::assert_snapshot!(refused(Error::internal("a secret of ours")).await, @r#"
        500 Internal Server Error
        {"error":{"message":"the server has failed; the request id leads to what it logged","type":"server_error","param":null,"code":"internal_server_error"}}
    "#);
}

#[tokio::test]
async fn an_unknown_model_is_told_before_any_stream() {
    let app = TestApp::new(&Scripted::new("demo"));
    let answer = app.post(CHAT, &chat_with(json!({"model": "gpt-5", "stream": true}))).await;
    insta::assert_snapshot!(told(&answer), @r#"
        404 Not Found
        {"error":{"message":"the model \"gpt-5\" does not exist; there are: demo","type":"invalid_request_error","param":"model","code":"model_not_found"}}
    "#);
}

#[tokio::test]
async fn a_parameter_out_of_range() {
    let app = TestApp::new(&Scripted::new("demo"));
    insta::assert_snapshot!(told(&app.post(CHAT, &chat_with(json!({"temperature": 3}))).await), @r#"
        400 Bad Request
        {"error":{"message":"temperature must be between 0 and 2, but is 3","type":"invalid_request_error","param":"temperature","code":"invalid_value"}}
    "#);
}

#[tokio::test]
async fn more_tokens_than_the_limit() {
    let backend = Scripted::new("demo");
    let model = Model { max_tokens: MaxTokens::new(100), ..Model::new(Arc::new(backend)) };
    let app = TestApp::with_models(vec![model]);
    insta::assert_snapshot!(told(&app.post(CHAT, &chat_with(json!({"max_tokens": 101}))).await), @r#"
        400 Bad Request
        {"error":{"message":"max_tokens must be at most 100, but is 101","type":"invalid_request_error","param":"max_tokens","code":"invalid_value"}}
    "#);
}

#[tokio::test]
async fn a_model_that_is_not_there_yet() {
    let backend = Scripted::new("demo");
    let app = TestApp::new(&backend);
    backend.set_state(ModelState::Loading);
    insta::assert_snapshot!(told(&app.post(CHAT, &chat_with(json!({}))).await), @r#"
        503 Service Unavailable retry-after: 5
        {"error":{"message":"the model \"demo\" is being loaded","type":"server_error","param":null,"code":"service_unavailable"}}
    "#);
    backend.set_state(ModelState::Failed { reason: "the engine has stopped".into() });
    insta::assert_snapshot!(told(&app.post(CHAT, &chat_with(json!({}))).await), @r#"
        503 Service Unavailable retry-after: 5
        {"error":{"message":"the model \"demo\" cannot answer: the engine has stopped","type":"server_error","param":null,"code":"service_unavailable"}}
    "#);
}

#[tokio::test]
async fn a_panic_is_one_requests_500() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::Panic("a secret of ours")).reply(Reply::text(&["Hi"]));
    let app = TestApp::new(&backend);
    insta::assert_snapshot!(told(&app.post(CHAT, &chat_with(json!({}))).await), @r#"
        500 Internal Server Error
        {"error":{"message":"the server has failed; the request id leads to what it logged","type":"server_error","param":null,"code":"internal_server_error"}}
    "#);
    app.post(CHAT, &chat_with(json!({}))).await.ok();
}

#[tokio::test]
async fn no_such_route() {
    let app = TestApp::new(&Scripted::new("demo"));
    insta::assert_snapshot!(told(&app.get("/v1/nothing").await), @r#"
        404 Not Found
        {"error":{"message":"there is nothing at GET /v1/nothing","type":"invalid_request_error","param":null,"code":"unknown_url"}}
    "#);
    insta::assert_snapshot!(told(&app.get("/nothing").await), @r#"
        404 Not Found
        {"error":"not_found","message":"there is nothing at GET /nothing","details":{},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}
    "#);
}

#[tokio::test]
async fn no_such_method() {
    let app = TestApp::new(&Scripted::new("demo"));
    let answer = app.get(CHAT).await;
    assert_eq!(answer.header("allow"), Some("POST"));
    insta::assert_snapshot!(told(&answer), @r#"
        405 Method Not Allowed
        {"error":{"message":"/v1/chat/completions does not take GET","type":"invalid_request_error","param":null,"code":"method_not_supported"}}
    "#);
    insta::assert_snapshot!(told(&app.post("/health", &json!({})).await), @r#"
        405 Method Not Allowed
        {"error":"method_not_allowed","message":"/health does not take POST","details":{},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}
    "#);
}

#[tokio::test]
async fn a_body_of_another_type() {
    let app = TestApp::new(&Scripted::new("demo"));
    let send = async |content_type: Option<&'static str>| {
        let mut request = post(CHAT, chat_with(json!({})).to_string());
        request.headers_mut().remove("content-type");
        if let Some(value) = content_type {
            request.headers_mut().insert("content-type", value.parse().unwrap());
        }
        app.send(request).await
    };
    insta::assert_snapshot!(told(&send(Some("text/plain")).await), @r#"
        415 Unsupported Media Type
        {"error":{"message":"the body must be sent as content-type: application/json","type":"invalid_request_error","param":null,"code":"unsupported_media_type"}}
    "#);
    assert_eq!(send(None).await.status, 415);
    // These are JSON, and get as far as the script, which is empty.
    assert_eq!(send(Some("Application/JSON; charset=utf-8")).await.status, 500);
    assert_eq!(send(Some("application/vnd.api+json")).await.status, 500);
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let backend = Scripted::new("demo");
    let api = api::Settings { body_limit: 100, ..settings() };
    let app = TestApp::with(vec![Model::new(Arc::new(backend))], serving::Settings::default(), api);
    insta::assert_snapshot!(told(&app.post_text(CHAT, " ".repeat(101)).await), @r#"
        413 Payload Too Large
        {"error":{"message":"the body is larger than 100 bytes","type":"invalid_request_error","param":null,"code":"payload_too_large"}}
    "#);
    // A chunked body does not say how long it will be.
    let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("          ")).take(11);
    let answer = app.post_text(CHAT, axum::body::Body::from_stream(chunks)).await;
    assert_eq!(answer.status, 413);
    assert_eq!(app.post_text(CHAT, " ".repeat(100)).await.status, 400);
}

/// Millions of small values are read beside those who answer others, and are no prompt.
#[tokio::test]
async fn too_many_messages() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Well"]));
    let app = TestApp::new(&backend);
    let message = json!({"role": "user", "content": "a"});
    let ask = |messages: usize| json!({"model": "demo", "messages": vec![message.clone(); messages]});
    insta::assert_snapshot!(told(&app.post(CHAT, &ask(2049)).await), @r#"
        400 Bad Request
        {"error":{"message":"messages has 2049 messages, and at most 2048 are taken","type":"invalid_request_error","param":"messages","code":"invalid_value"}}
    "#);
    app.post(CHAT, &ask(2048)).await.ok();
    let part = json!({"type": "text", "text": "a"});
    let message = json!({"role": "user", "content": vec![part; 1025]});
    let refused = app.post(CHAT, &json!({"model": "demo", "messages": [message, message]})).await;
    assert!(refused.text().contains("messages has 2050 parts, and at most 2048 are taken"), "{}", refused.text());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive() {
    let app = TestApp::new(&Scripted::new("demo"));
    let never = futures_util::stream::pending::<Result<String, std::io::Error>>();
    insta::assert_snapshot!(told(&app.post_text(CHAT, axum::body::Body::from_stream(never)).await), @r#"
        400 Bad Request
        {"error":{"message":"the body could not be read: it took longer than 60 s","type":"invalid_request_error","param":null,"code":null}}
    "#);
}
