//! Streams whose answer is long in coming: a model is being loaded, or another server says nothing yet.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use backend::Error;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use testkit::{Reply, Scripted, TestApp, post};
use tokio::time::Instant;

use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

const PING: &[u8] = b": ping\n\n";
const PING_EVERY: Duration = Duration::from_secs(15);

/// One stream of each kind.
fn streams() -> [(&'static str, Value); 4] {
    [
        (CHAT, chat_with(json!({"stream": true}))),
        (COMPLETIONS, completion_with(json!({"stream": true}))),
        ("/api/generate/stream", json!({"prompt": "Once"})),
        ("/text2sql", json!({"messages": [{"role": "user", "content": "All users"}], "stream": true})),
    ]
}

async fn frame(body: &mut Body) -> Vec<u8> {
    body.frame().await.unwrap().unwrap().into_data().unwrap().into()
}

/// The pings of the first minute, each when it is due, and the rest of the answer once `then` is done.
async fn rest(response: Response<Body>, started: Instant, then: impl FnOnce()) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for count in 1..=4 {
        assert_eq!((&frame(&mut body).await[..], started.elapsed()), (PING, PING_EVERY * count));
    }
    then();
    String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn they_ping_before_anybody_knows_whether_there_is_an_answer() {
    for (path, request) in streams() {
        let backend = Scripted::new("demo");
        let (reply, gate) = Reply::text(&["Hi"]).gated();
        backend.reply(reply);
        let app = TestApp::new(&backend);
        let started = Instant::now();
        let response = app.open(post(path, request.to_string())).await;
        let rest = rest(response, started, || gate.send(()).unwrap()).await;
        assert!(rest.starts_with("data: ") && rest.contains("Hi") && rest.ends_with("data: [DONE]\n\n"), "{path}: {rest}");
        // Who counts learned in the end which model it was.
        let metrics = app.get("/metrics").await;
        assert!(metrics.text().contains(&format!("route=\"{path}\",status=\"200\",model=\"demo\"")), "{}", metrics.text());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_after_that_is_an_event() {
    for (path, request) in streams() {
        let backend = Scripted::new("demo");
        let (reply, gate) = Reply::Refuse(Error::Upstream { reason: "it hung up".into() }).gated();
        backend.reply(reply);
        let app = TestApp::new(&backend);
        let started = Instant::now();
        let response = app.open(post(path, request.to_string())).await;
        let rest = rest(response, started, || gate.send(()).unwrap()).await;
        assert!(rest.starts_with("event: error\ndata: {\"") && rest.contains("upstream_error"), "{path}: {rest}");
        assert!(!rest.contains("[DONE]"), "{path}: {rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_panics_after_that_is_an_event() {
    let backend = Scripted::new("demo");
    let (reply, gate) = Reply::Panic("a secret of ours").gated();
    backend.reply(reply);
    let app = TestApp::new(&backend);
    let started = Instant::now();
    let response = app.open(post(CHAT, chat_with(json!({"stream": true})).to_string())).await;
    let rest = rest(response, started, || gate.send(()).unwrap()).await;
    assert!(rest.contains("internal_server_error") && !rest.contains("secret"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_before_that_has_left() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::Queue);
    let app = TestApp::new(&backend);
    let response = app.open(post(CHAT, chat_with(json!({"stream": true})).to_string())).await;
    assert_eq!(backend.counts().waiting, 1);
    drop(response);
    assert_eq!((backend.counts().waiting, backend.counts().left), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn who_wants_it_whole_waits_for_its_status() {
    let started = Instant::now();
    let backend = Scripted::new("demo");
    let (reply, gate) = Reply::Refuse(Error::Upstream { reason: "it hung up".into() }).gated();
    backend.reply(reply);
    let app = TestApp::new(&backend);
    let chat = chat_with(json!({}));
    let (answer, ()) = tokio::join!(app.post(CHAT, &chat), async {
        tokio::time::sleep(PING_EVERY * 4).await;
        gate.send(()).unwrap();
    });
    assert_eq!((answer.status, started.elapsed()), (StatusCode::BAD_GATEWAY, PING_EVERY * 4));
}
