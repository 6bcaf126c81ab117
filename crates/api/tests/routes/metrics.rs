//! `GET /metrics`

use serde_json::json;
use testkit::{Reply, Scripted, TestApp, events};

use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

/// The lines of one metric.
async fn lines(app: &TestApp, start: &str) -> String {
    let answer = app.get("/metrics").await.ok();
    let lines = answer.text().lines().filter(|line| line.starts_with(start)).map(str::to_owned);
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn requests_are_counted_by_route_and_model() {
    let backend = Scripted::new("demo");
    let refusal = backend::Error::QueueFull { reason: "full", retry_after: std::time::Duration::ZERO };
    backend.reply(Reply::text(&["Hi"])).reply(Reply::Refuse(refusal.clone())).reply(Reply::Refuse(refusal));
    let app = TestApp::new(&backend);
    app.post(CHAT, &chat_with(json!({}))).await.ok();
    app.post(CHAT, &chat_with(json!({}))).await;
    app.post(COMPLETIONS, &completion_with(json!({}))).await;
    app.post(CHAT, &chat_with(json!({"model": "whatever"}))).await;
    app.get("/v1/models/demo").await.ok();
    app.get("/nothing/a").await;
    app.get("/nothing/b").await;
    insta::assert_snapshot!(lines(&app, "api_requests_total").await, @r#"
        api_requests_total{method="GET",route="/v1/models/{*id}",status="200",model=""} 1
        api_requests_total{method="GET",route="unmatched",status="404",model=""} 2
        api_requests_total{method="POST",route="/v1/chat/completions",status="200",model="demo"} 1
        api_requests_total{method="POST",route="/v1/chat/completions",status="404",model=""} 1
        api_requests_total{method="POST",route="/v1/chat/completions",status="429",model="demo"} 1
        api_requests_total{method="POST",route="/v1/completions",status="429",model="demo"} 1
    "#);
}

/// What the alerts go by.
#[tokio::test]
async fn a_stream_that_breaks_off_is_a_fault() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    remote.send(events::prompt(5));
    remote.send(events::text(0, "Hi"));
    remote.fail(backend::Error::Upstream { reason: "it hung up".into() });
    let app = TestApp::new(&backend);
    app.post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    insta::assert_snapshot!(lines(&app, "api_requests_total").await, @r#"api_requests_total{method="POST",route="/v1/chat/completions",status="502",model="demo"} 1"#);
}

/// A proxy gives it to another server, which counts it. What the end cuts off is lost.
#[tokio::test]
async fn what_a_server_turns_away_as_it_ends_is_no_fault_of_its() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let app = TestApp::new(&backend);
    let body = chat_with(json!({}));
    let running = app.post(CHAT, &body);
    let ends = async {
        while backend.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        app.service.drain();
        assert_eq!(app.post(CHAT, &body).await.status, 503);
        app.service.cancel();
    };
    let (cut_off, ()) = tokio::join!(running, ends);
    drop(remote);
    assert_eq!(cut_off.status, 503);
    assert_eq!(lines(&app, "llm_drain_refusals").await, "llm_drain_refusals_total 1");
    insta::assert_snapshot!(lines(&app, "api_requests_total{method=\"POST\"").await, @r#"api_requests_total{method="POST",route="/v1/chat/completions",status="503",model="demo"} 1"#);
}

#[tokio::test]
async fn generations_are_counted_however_they_end() {
    let backend = Scripted::new("demo");
    let refusal = backend::Error::QueueFull { reason: "full", retry_after: std::time::Duration::ZERO };
    backend.reply(Reply::text(&["Hi", "!"])).reply(Reply::Refuse(refusal)).reply(Reply::text(&["Hi"]));
    let app = TestApp::new(&backend);
    app.post(CHAT, &chat_with(json!({}))).await.ok();
    app.post(CHAT, &chat_with(json!({}))).await;
    drop(app.open(testkit::post(CHAT, chat_with(json!({"stream": true})).to_string())).await);
    insta::assert_snapshot!(lines(&app, "gen_ai_server_request_duration_seconds_count").await, @r#"
        gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",error_type=""} 1
        gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",error_type="client_gone"} 1
        gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",error_type="queue_full"} 1
    "#);
    insta::assert_snapshot!(lines(&app, "gen_ai_client_token_usage_sum").await, @r#"
        gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",gen_ai_token_type="input"} 10.0
        gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="llm-inference-api",gen_ai_request_model="demo",gen_ai_token_type="output"} 3.0
    "#);
}

#[tokio::test]
async fn a_models_own_numbers_are_read_at_the_scrape() {
    let backend = Scripted::new("demo");
    let app = TestApp::new(&backend);
    backend.set_activity(backend::Activity { running: 3, waiting: 2, ..Default::default() });
    insta::assert_snapshot!(lines(&app, "vllm:num_requests").await, @r#"
        vllm:num_requests_running{model_name="demo"} 3
        vllm:num_requests_waiting{model_name="demo"} 2
    "#);
    insta::assert_snapshot!(lines(&app, "model_loaded").await, @r#"model_loaded{model="demo"} 1"#);
}
