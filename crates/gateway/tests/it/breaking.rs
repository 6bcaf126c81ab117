//! Servers that fail: whom they are replaced by, and when they are left alone.

use std::time::Duration;

use backend::{Backend, BreakerState, Kind, ModelState};
use testkit::upstream::{Act, Step, Upstream, chunk};

use crate::fixture::{
    ask, fail, fail_at, failures, group, hello, is_at_rest, later, passage, reading, relay, settings, upstream,
};

#[tokio::test]
async fn another_server_answers_for_one_that_fails_before_its_first_byte() {
    for act in [
        Act::nothing().then(Step::Reset),
        Act::nothing().then(Step::Close),
        Act::status(502, "{}"),
        Act::status(503, "{}"),
        Act::status(504, "<html>"),
        Act::status(429, "{}"),
        Act::body(""),
    ] {
        let (ill, well) = (Upstream::start().await, Upstream::start().await);
        ill.then(act);
        well.often(2, &Act::says(&["Hi"]));
        let group = group(&[&ill, &well]);
        for _ in 0..2 {
            assert_eq!(ask(&group).await.unwrap().text, "Hi");
        }
        assert_eq!((ill.received().len(), well.received().len()), (1, 2));
        is_at_rest(&group);
    }
}

#[tokio::test]
async fn another_server_answers_for_one_that_is_not_there() {
    let well = Upstream::start().await;
    well.often(4, &Act::says(&["Hi"]));
    let gone = upstream(&Upstream::nowhere().await);
    let group = gateway::Group::new(settings(vec![gone, upstream(&well.url())])).unwrap();
    for _ in 0..4 {
        assert_eq!(ask(&group).await.unwrap().text, "Hi");
    }
    is_at_rest(&group);
}

#[tokio::test]
async fn nothing_is_asked_again_after_the_first_byte_or_where_that_cannot_help() {
    for act in [Act::events(&[chunk("Hi")]).then(Step::Reset), Act::status(500, "{}"), Act::status(400, "{}")] {
        let (ill, well) = (Upstream::start().await, Upstream::start().await);
        ill.then(act);
        let group = group(&[&ill, &well]);
        fail(&group).await;
        assert_eq!((ill.received().len(), well.received().len()), (1, 0));
        is_at_rest(&group);
    }
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_left_alone_and_the_client_hears_for_how_long() {
    let upstream = Upstream::start().await;
    upstream.often(5, &Act::status(502, "{}"));
    let group = group(&[&upstream]);
    // Each is asked once more, as long as anybody is.
    for _ in 0..3 {
        assert_eq!(fail(&group).await.1.kind(), Kind::Upstream);
    }
    let (_, error) = fail(&group).await;
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.retry_after().is_some_and(|after| after <= Duration::from_secs(5) && after > Duration::from_secs(3)));
    assert_eq!(upstream.received().len(), 5);
    assert_eq!(reading(&group).breaker, BreakerState::Open);
    assert!(matches!(group.state(), ModelState::Failed { .. }));
    is_at_rest(&group);
}

#[tokio::test]
async fn a_request_that_a_server_stumbles_over_does_not_take_it_from_the_others() {
    let upstream = Upstream::start().await;
    upstream.often(20, &Act::status(500, "{}")).then(Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    for _ in 0..20 {
        assert_eq!(fail(&group).await.1.kind(), Kind::Upstream);
    }
    assert_eq!(ask(&group).await.unwrap().text, "Hi");
    assert_eq!(failures(&reading(&group), "server_error"), 20);
}

#[tokio::test]
async fn a_server_that_stumbles_over_whatever_it_is_asked_is_left_alone() {
    let upstream = Upstream::start().await;
    upstream.often(5, &Act::status(500, "{}"));
    let group = group(&[&upstream]);
    for question in ["a", "b", "c", "d", "e"] {
        assert_eq!(fail_at(&group, question).await.1.kind(), Kind::Upstream);
    }
    assert_eq!(fail(&group).await.1.kind(), Kind::Unavailable);
    assert_eq!(upstream.received().len(), 5);
}

#[tokio::test]
async fn a_server_is_there_again_when_an_answer_begins_and_not_only_when_it_is_whole() {
    let upstream = Upstream::start().await;
    upstream.often(5, &Act::status(502, "{}"));
    // The head of an answer in one piece; the rest is being made.
    upstream
        .then(Act::raw("HTTP/1.1 200 It\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n").then(Step::Stall));
    upstream.then(Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    while fail(&group).await.1.kind() == Kind::Upstream {}
    later(Duration::from_secs(5)).await;
    let whole = relay(&group, passage(&hello()));
    let meanwhile = async {
        while reading(&group).breaker != BreakerState::Closed {
            tokio::task::yield_now().await;
        }
        ask(&group).await.unwrap().text
    };
    tokio::select! {
        _ = whole => panic!("it has no end"),
        text = meanwhile => assert_eq!(text, "Hi"),
    }
}

#[tokio::test]
async fn answers_that_break_off_open_the_breaker_though_they_begin() {
    let upstream = Upstream::start().await;
    upstream.often(5, &Act::events(&[chunk("Hi")]).then(Step::Reset));
    let group = group(&[&upstream]);
    for _ in 0..5 {
        fail(&group).await;
    }
    assert_eq!(fail(&group).await.1.kind(), Kind::Unavailable);
    assert_eq!(failures(&reading(&group), "broken"), 5);
}

#[tokio::test]
async fn retries_are_a_tenth_of_the_traffic() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    for upstream in [&one, &two] {
        upstream.often(100, &Act::status(429, "{}"));
    }
    let group = group(&[&one, &two]);
    for _ in 0..40 {
        assert_eq!(fail(&group).await.1.kind(), Kind::QueueFull);
    }
    let sent = one.received().len() + two.received().len();
    assert!((50..=54).contains(&sent), "40 requests were sent {sent} times");
    is_at_rest(&group);
}

#[tokio::test]
async fn a_server_that_does_not_say_that_it_is_well_is_not_asked() {
    let (ill, well) = (Upstream::start().await, Upstream::start().await);
    ill.is_well(false);
    well.often(4, &Act::says(&["Hi"]));
    let group = group(&[&ill, &well]);
    let mut watching = tokio::task::JoinSet::new();
    watching.spawn(std::sync::Arc::clone(&group).watch());
    while group.upstreams()[0].usable {
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        assert_eq!(ask(&group).await.unwrap().text, "Hi");
    }
    assert_eq!(ill.received(), []);
    assert_eq!(group.state(), ModelState::Ready);
}
