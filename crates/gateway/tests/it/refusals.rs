//! What a server refuses, and what becomes of it.

use std::time::Duration;

use backend::{BreakerState, Error, Kind};
use gateway::{ApiKey, Group, UpstreamSettings};
use testkit::upstream::{Act, Upstream};

use crate::fixture::{ask, fail, failures, group, is_at_rest, question, reading, settings, upstream};

const FLAT: &str =
    r#"{"object":"error","message":"temperature is off","type":"BadRequestError","param":"temperature","code":400}"#;
const NESTED: &str =
    r#"{"error":{"message":"temperature is off","type":"BadRequestError","param":"temperature","code":400}}"#;

#[tokio::test]
async fn both_of_vllms_shapes_become_ours() {
    let upstream = Upstream::start().await;
    upstream.then(Act::status(400, FLAT)).then(Act::status(400, NESTED));
    let group = group(&[&upstream]);
    for _ in 0..2 {
        let (_, error) = fail(&group).await;
        let (parameter, message) = (Some("temperature".into()), "temperature is off".into());
        assert_eq!(error, Error::Refused { kind: Kind::Invalid, parameter, message });
    }
    assert_eq!(failures(&reading(&group), "refused"), 2);
    is_at_rest(&group);
}

#[tokio::test]
async fn too_long_is_said_in_the_words_that_clients_know() {
    let upstream = Upstream::start().await;
    let said = "This model's maximum context length is 2048 tokens. However, you requested 4096 tokens";
    upstream.then(Act::status(400, &format!(r#"{{"object":"error","message":"{said}","code":400}}"#)));
    let group = group(&[&upstream]);
    let (_, error) = fail(&group).await;
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::ContextLength, said));
}

#[tokio::test]
async fn what_clients_do_wrong_never_opens_the_breaker() {
    let upstream = Upstream::start().await;
    upstream
        .often(20, &Act::status(400, NESTED))
        .often(20, &Act::status(429, "{}"))
        .often(20, &Act::status_with(503, "retry-after: 1\r\n", "{}"));
    let group = group(&[&upstream]);
    for _ in 0..30 {
        let _ = fail(&group).await;
    }
    assert_eq!(reading(&group).breaker, BreakerState::Closed);
}

#[tokio::test]
async fn a_server_that_is_busy_says_when_to_come_back() {
    let upstream = Upstream::start().await;
    let act = |status| Act::status_with(status, "retry-after: 7\r\n", "{}");
    upstream.then(act(429)).then(act(503)).then(Act::status(429, "{}"));
    let group = group(&[&upstream]);
    for (kind, seconds) in [(Kind::QueueFull, 7), (Kind::Unavailable, 7), (Kind::QueueFull, 1)] {
        let (_, error) = fail(&group).await;
        assert_eq!((error.kind(), error.retry_after()), (kind, Some(Duration::from_secs(seconds))));
    }
    assert_eq!(failures(&reading(&group), "busy"), 3);
    is_at_rest(&group);
}

#[tokio::test]
async fn the_servers_key_is_sent_to_it_and_to_nobody_else() {
    let upstream_ = Upstream::start().await;
    let said = r#"{"error":{"message":"Incorrect API key: its-key","code":401}}"#;
    upstream_.then(Act::says(&["Hi"])).then(Act::status(401, said)).then(Act::status(400, said));
    let with_key = UpstreamSettings { api_key: Some(ApiKey::new("its-key").unwrap()), ..upstream(&upstream_.url()) };
    let group = Group::new(settings(vec![with_key])).unwrap();
    ask(&group).await.unwrap();
    assert_eq!(upstream_.only().header("authorization"), Some("Bearer its-key"));
    let (_, error) = fail(&group).await;
    assert_eq!(error.kind(), Kind::Upstream, "the client's key is not to blame");
    for error in [error, fail(&group).await.1] {
        assert!(!format!("{error} {error:?} {group:?}").contains("its-key"), "{error:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_server_is_refused_here() {
    let upstream = Upstream::start().await;
    let group = group(&[&upstream]);
    let echoed = backend::Generation { echo: Some(backend::Echo::ThenGenerate), ..question("Hello?") };
    let error = backend::Backend::generate(&*group, echoed).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(upstream.received(), []);
}
