//! `GET /info`, `GET /status`, `GET /v1/lora_adapters`

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use backend::{ModelCard, ModelState};
use serde_json::json;
use serving::Model;
use testkit::{Scripted, TestApp, card, request};

fn two(first: Scripted, second: Scripted) -> TestApp {
    TestApp::with_models([first, second].map(|backend| Model::new(Arc::new(backend))).to_vec())
}

#[tokio::test]
async fn what_is_served() {
    let answer = two(Scripted::new("demo"), Scripted::new("org/b")).get("/info").await.ok().json();
    insta::assert_snapshot!(answer["models"][0], @r#"{"name":"demo","version":"3","description":"a script","context_length":2048,"stage":null,"aliases":[],"run_id":null,"uri":null,"parameters":{},"metrics":{},"tags":{},"created":"2026-01-01T00:00:00Z"}"#);
    let names: Vec<_> = answer["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!((answer["name"].as_str(), names), (Some("demo"), vec!["demo", "org/b"]));
}

#[tokio::test]
async fn the_status_is_told_whatever_it_is() {
    let bad = Scripted::new("bad");
    bad.set_state(ModelState::Failed { reason: "/secret/path is gone".into() });
    let mut status = two(Scripted::new("good"), bad.clone()).get("/status").await.ok().json();
    assert!(status["uptime_seconds"].is_f64());
    status["uptime_seconds"] = "…".into();
    insta::assert_snapshot!(status, @r#"{"status":"degraded","version":"test","uptime_seconds":"…","models":{"bad":"failed","good":"ready"}}"#);
    assert_eq!(TestApp::new(&bad).get("/status").await.ok().json()["status"], "unhealthy");
}

#[tokio::test]
async fn adapters_are_the_models_with_a_parent() {
    let adapter = Scripted::with_card(ModelCard { parent: Some("demo".into()), ..card("legal") });
    let listed = two(Scripted::new("demo"), adapter).get("/v1/lora_adapters").await.ok().json();
    assert_eq!((&listed["data"][0]["id"], listed["data"].as_array().unwrap().len()), (&json!("legal"), 1));
    let none = TestApp::new(&Scripted::new("demo")).get("/v1/lora_adapters").await.ok();
    assert_eq!(none.json(), json!({"object": "list", "data": []}));
}

#[tokio::test]
async fn head_is_served_where_get_is() {
    let app = TestApp::new(&Scripted::new("demo"));
    let paths = ["/", "/health", "/health/live", "/health/ready", "/info", "/status", "/metrics", "/api/llms", "/v1/models"];
    for path in paths {
        let answer = app.send(request(Method::HEAD, path, Body::empty())).await.ok();
        assert!(answer.body.is_empty(), "{path}");
    }
}
