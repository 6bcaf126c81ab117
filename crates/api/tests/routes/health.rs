//! `GET /health`, `/health/live`, `/health/ready`

use std::sync::Arc;
use std::time::Duration;

use backend::{Activity, ModelState};
use serving::{Group, Model};
use testkit::{Parked, Scripted, TestApp};

fn failed() -> ModelState {
    ModelState::Failed { reason: "the engine has stopped".into() }
}

/// Status and body of all three.
async fn told(app: &TestApp) -> String {
    let mut lines = Vec::new();
    for path in ["/health", "/health/live", "/health/ready"] {
        let answer = app.get(path).await;
        let mut json = answer.json();
        if let Some(uptime) = json.get_mut("uptime_seconds") {
            assert!(uptime.is_f64());
            *uptime = "…".into();
        }
        lines.push(format!("{path} {} {json}", answer.status.as_u16()));
    }
    lines.join("\n")
}

#[tokio::test]
async fn all_is_well() {
    insta::assert_snapshot!(told(&TestApp::new(&Scripted::new("demo"))).await, @r#"
        /health 200 {"status":"healthy","version":"test","api_status":"running","model_status":"loaded","gpu_status":"unavailable","backends":{"chat":["in-process:demo"],"text2sql":["in-process:demo"]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 200 {"status":"alive"}
        /health/ready 200 {"status":"ready","models":{"demo":"ready"}}
    "#);
}

#[tokio::test]
async fn a_model_is_being_loaded() {
    let backend = Scripted::new("demo");
    backend.set_state(ModelState::Loading);
    insta::assert_snapshot!(told(&TestApp::new(&backend)).await, @r#"
        /health 503 {"status":"unhealthy","version":"test","api_status":"running","model_status":"loading","gpu_status":"unavailable","backends":{"chat":[],"text2sql":[]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 200 {"status":"alive"}
        /health/ready 503 {"status":"loading","models":{"demo":"loading"}}
    "#);
}

#[tokio::test]
async fn one_of_two_models_has_failed() {
    let (good, bad) = (Scripted::new("good"), Scripted::new("bad"));
    bad.set_state(failed());
    let models = [good, bad].map(|backend| Model::new(Arc::new(backend))).to_vec();
    insta::assert_snapshot!(told(&TestApp::with_models(models)).await, @r#"
        /health 200 {"status":"degraded","version":"test","api_status":"running","model_status":"loaded","gpu_status":"unavailable","backends":{"chat":["in-process:good"],"text2sql":["in-process:good"]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 200 {"status":"alive"}
        /health/ready 200 {"status":"ready","models":{"bad":"failed","good":"ready"},"reasons":{"bad":"the engine has stopped"}}
    "#);
}

#[tokio::test]
async fn the_only_model_has_failed() {
    let backend = Scripted::new("demo");
    backend.set_state(failed());
    insta::assert_snapshot!(told(&TestApp::new(&backend)).await, @r#"
        /health 503 {"status":"unhealthy","version":"test","api_status":"running","model_status":"error","gpu_status":"unavailable","backends":{"chat":[],"text2sql":[]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 200 {"status":"alive"}
        /health/ready 503 {"status":"not_ready","models":{"demo":"failed"},"reasons":{"demo":"the engine has stopped"}}
    "#);
}

#[tokio::test]
async fn an_engine_makes_no_progress() {
    let backend = Scripted::new("demo");
    let app = TestApp::new(&backend);
    let stalled = |seconds| Activity { stalled_for: Some(Duration::from_secs(seconds)), ..Activity::default() };
    backend.set_activity(stalled(60));
    assert_eq!(app.get("/health/live").await.status, 200);
    backend.set_activity(stalled(61));
    insta::assert_snapshot!(told(&app).await, @r#"
        /health 503 {"status":"unhealthy","version":"test","api_status":"running","model_status":"loaded","gpu_status":"unavailable","backends":{"chat":[],"text2sql":[]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 503 {"status":"stalled"}
        /health/ready 503 {"status":"not_ready","models":{"demo":"stalled"},"reasons":{"demo":"its engine makes no progress"}}
    "#);
}

#[tokio::test]
async fn the_server_is_being_stopped() {
    let app = TestApp::new(&Scripted::new("demo"));
    app.service.drain();
    insta::assert_snapshot!(told(&app).await, @r#"
        /health 503 {"status":"unhealthy","version":"test","api_status":"running","model_status":"loaded","gpu_status":"unavailable","backends":{"chat":["in-process:demo"],"text2sql":["in-process:demo"]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 200 {"status":"alive"}
        /health/ready 503 {"status":"draining","models":{"demo":"ready"}}
    "#);
}

#[tokio::test]
async fn a_model_for_sql_is_a_group_of_its_own() {
    let sql = Model { group: Group::TextToSql, ..Model::new(Arc::new(Scripted::new("org/sql"))) };
    let app = TestApp::with_models(vec![Model::new(Arc::new(Scripted::new("demo"))), sql]);
    insta::assert_snapshot!(app.get("/health").await.json()["backends"], @r#"{"chat":["in-process:demo"],"text2sql":["in-process:org/sql"]}"#);
}

#[tokio::test]
async fn a_model_waits_to_be_asked_for() {
    let app = TestApp::with_models(vec![Parked::new("demo", 1).model()]);
    insta::assert_snapshot!(told(&app).await, @r#"
        /health 200 {"status":"healthy","version":"test","api_status":"running","model_status":"none","gpu_status":"unavailable","backends":{"chat":["in-process:demo"],"text2sql":["in-process:demo"]},"timestamp":"2026-01-01T00:00:00Z","uptime_seconds":"…"}
        /health/live 200 {"status":"alive"}
        /health/ready 200 {"status":"ready","models":{"demo":"idle"}}
    "#);
    let metrics = app.get("/metrics").await.ok();
    assert!(metrics.text().contains("model_loaded{model=\"demo\"} 0\n"));
}

#[tokio::test]
async fn the_first_model_is_not_there_yet() {
    let model = Parked::new("demo", 1);
    let app = TestApp::with_models(vec![model.model()]);
    let opened = app.service.open_first();
    insta::assert_snapshot!(app.get("/health/ready").await.text(), @r#"{"status":"loading","models":{"demo":"idle"}}"#);
    opened.await.unwrap();
    insta::assert_snapshot!(app.get("/health/ready").await.ok().text(), @r#"{"status":"ready","models":{"demo":"ready"}}"#);
}
