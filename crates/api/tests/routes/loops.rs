//! Gateways whose upstreams lead back to them.

use axum::http::HeaderValue;
use backend::{Hop, Hops};
use gateway::Timeouts;
use serde_json::json;
use serving::Model;
use testkit::upstream::{Act, Upstream};
use testkit::{Answer, Listening, TestApp, post};
use tokio::net::TcpListener;

use crate::remote::{gateway_at, group_at};
use crate::{CHAT, chat_with};

async fn free_port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A gateway that listens there and asks another.
fn before(url: &str, hop: u64, listener: TcpListener) -> (TestApp, Listening) {
    let app = TestApp::with_models(vec![Model::new(gateway_at(url, "demo", Timeouts::default(), Hop::new(hop)))]);
    let listening = app.listen_on(listener);
    (app, listening)
}

fn is_a_loop(answer: &Answer) {
    assert_eq!(answer.status.as_u16(), 508, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "loop_detected");
}

async fn metric(app: &TestApp, name: &str) -> String {
    let metrics = app.get("/metrics").await;
    let line = metrics.text().lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    line.rsplit(' ').next().unwrap().to_owned()
}

const SENT: &str = "gateway_upstream_requests_total";
const BREAKER: &str = "gateway_upstream_breaker_state";

#[tokio::test]
async fn a_server_that_is_its_own_upstream_says_so_at_once() {
    let (listener, url) = free_port().await;
    let (app, _listening) = before(&url, 1, listener);
    for stream in [true, false] {
        is_a_loop(&app.post(CHAT, &chat_with(json!({"stream": stream}))).await);
    }
    let local = app.post("/api/chat", &json!({"model": "demo", "messages": [{"role": "user", "content": "?"}]})).await;
    assert_eq!((local.status.as_u16(), local.json()["error"].as_str()), (508, Some("loop_detected")));
    assert_eq!(metric(&app, SENT).await, "3", "each goes round once");
}

#[tokio::test]
async fn two_servers_that_ask_each_other_say_so() {
    let ((one, one_url), (two, two_url)) = (free_port().await, free_port().await);
    let (first, _first) = before(&two_url, 1, one);
    let (second, _second) = before(&one_url, 2, two);
    for _ in 0..6 {
        is_a_loop(&first.post(CHAT, &chat_with(json!({}))).await);
    }
    assert_eq!((metric(&first, SENT).await.as_str(), metric(&second, SENT).await.as_str()), ("6", "6"));
    // Other requests may have a way through them: they are not left alone for this.
    assert_eq!((metric(&first, BREAKER).await.as_str(), metric(&second, BREAKER).await.as_str()), ("0", "0"));
    let loops = first.get("/metrics").await.text().lines().find(|line| line.contains(r#"kind="loop""#)).map(str::to_owned);
    assert!(loops.as_ref().is_some_and(|line| line.ends_with(" 6")), "{loops:?}");
}

#[tokio::test]
async fn a_way_through_many_gateways_has_an_end() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi"]));
    let app = TestApp::with_models(vec![Model::new(group_at(&upstream.url(), Timeouts::default()))]);
    let asked = |gateways: u64| {
        let way: Vec<_> = (100..100 + gateways).map(|number| format!("1.1 {}", Hop::new(number))).collect();
        let mut request = post(CHAT, chat_with(json!({"stream": true})).to_string());
        request.headers_mut().insert("via", HeaderValue::try_from(format!("1.0 nginx, {}", way.join(", "))).unwrap());
        app.send(request)
    };
    asked(7).await.ok();
    is_a_loop(&asked(8).await);
    let way = upstream.only().header("via").unwrap().to_owned();
    let way: Hops = way.split(", ").filter_map(|hop| hop.strip_prefix("1.1 ")?.parse().ok()).collect();
    assert_eq!(way.iter().collect::<Vec<_>>(), (100..107).chain([7]).map(Hop::new).collect::<Vec<_>>());
}
