//! Streams whose answer is long in coming: a model is being loaded, or another server says nothing yet.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode, Version};
use backend::{Error, Hop};
use gateway::Timeouts;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use serving::Model;
use testkit::upstream::{Act, Upstream};
use testkit::{Reply, Scripted, TestApp, post};
use tokio::time::Instant;

use crate::remote::gateway_of;
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
        assert!(
            rest.starts_with(": ping\n\ndata: ") && rest.contains("Hi") && rest.ends_with("data: [DONE]\n\n"),
            "{path}: {rest}"
        );
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
        // It is counted as what it is.
        let metrics = app.get("/metrics").await;
        assert!(metrics.text().contains(&format!("route=\"{path}\",status=\"502\",model=\"demo\"")), "{}", metrics.text());
    }
}

/// What is wrong with the request itself is known at once, and a gateway has to know whether to ask another server.
#[tokio::test(start_paused = true)]
async fn a_gateway_of_our_kind_waits_for_the_status() {
    let backend = Scripted::new("demo");
    let (reply, gate) = Reply::Refuse(Error::QueueFull { reason: "too many wait", retry_after: PING_EVERY }).gated();
    backend.reply(reply);
    let app = TestApp::new(&backend);
    let mut request = post(CHAT, chat_with(json!({"stream": true})).to_string());
    request.headers_mut().insert("via", "1.1 llm-inference-api-0000000000000001".parse().unwrap());
    let (answer, ()) = tokio::join!(app.send(request), async {
        tokio::time::sleep(PING_EVERY * 4).await;
        gate.send(()).unwrap();
    });
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_though_the_client_takes_no_pings() {
    let backend = Scripted::new("demo");
    let (reply, gate) = Reply::text(&["Hi"]).gated();
    backend.reply(reply);
    let app = TestApp::new(&backend);
    let _response = app.open(post(CHAT, chat_with(json!({"stream": true})).to_string())).await;
    gate.send(()).unwrap();
    backend.until(|counts| counts.running == 1).await;
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

/// Also with HTTP/2, where a task of its own sees to what the client takes: who is asked after the first ping is asked for this request.
#[tokio::test]
async fn whoever_traces_the_request_can_still_follow_it() {
    let (near, far) = (Scripted::new("demo"), Upstream::start().await);
    let unavailable = Error::Unavailable { reason: "it is ill".into(), retry_after: PING_EVERY };
    let (reply, gate) = Reply::Refuse(unavailable).gated();
    near.reply(reply);
    far.then(Act::says(&["Hi"]));
    let fallbacks = vec!["far".to_owned()];
    let models = vec![
        Model { fallbacks, ..Model::new(Arc::new(near)) },
        Model::new(gateway_of("far", &far.url(), "theirs", Timeouts::default(), Hop::new(7))),
    ];
    let settings = api::Settings { ping_every: Duration::from_millis(1), ..testkit::settings() };
    let app = TestApp::with(models, serving::Settings::default(), settings);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut request = post(CHAT, chat_with(json!({"stream": true})).to_string());
    request.headers_mut().insert("traceparent", parent.parse().unwrap());
    *request.version_mut() = Version::HTTP_2;
    let mut body = app.open(request).await.into_body();
    assert_eq!(frame(&mut body).await, PING);
    gate.send(()).unwrap();
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(rest.ends_with(b"data: [DONE]\n\n"), "{rest:?}");
    assert_eq!(far.only().header("traceparent"), Some(parent));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_before_that_has_left() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::Queue);
    let app = TestApp::new(&backend);
    let response = app.open(post(CHAT, chat_with(json!({"stream": true})).to_string())).await;
    assert_eq!(backend.counts().waiting, 1);
    drop(response);
    assert_eq!((backend.counts().waiting, backend.counts().left), (0, 1), "at once");
    // Whose it was is known by then.
    let metrics = app.get("/metrics").await;
    assert!(metrics.text().contains(&format!("route=\"{CHAT}\",status=\"200\",model=\"demo\"")), "{}", metrics.text());
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
