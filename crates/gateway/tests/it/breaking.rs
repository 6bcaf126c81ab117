//! Servers that fail: whom they are replaced by, and when they are left alone.

use std::time::Duration;

use backend::{Backend, BreakerState, Endpoint, Kind, ModelState};
use serde_json::{Value, json};
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
async fn an_answer_in_one_piece_that_breaks_off_is_not_made_again() {
    let (ill, well) = (Upstream::start().await, Upstream::start().await);
    ill.then(Act::raw("HTTP/1.1 200 It\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{").then(Step::Reset));
    let group = group(&[&ill, &well]);
    assert_eq!(relay(&group, passage(&whole("hello"))).await.unwrap_err().kind(), Kind::Upstream);
    assert_eq!((ill.received().len(), well.received().len()), (1, 0));
    is_at_rest(&group);
}

/// In one piece.
fn whole(text: &str) -> Value {
    json!({"model": "ours", "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn one_way_of_asking_that_a_server_does_not_take_does_not_take_it_from_those_who_ask_in_another() {
    let upstream = Upstream::start().await;
    let group = group(&[&upstream]);
    for number in 0..20 {
        upstream.then(Act::says(&["Hi"])).then(Act::status(404, "{}"));
        assert_eq!(ask(&group).await.unwrap().text, "Hi");
        assert_eq!(fail_at(&group, &number.to_string()).await.1.kind(), Kind::Upstream);
    }
    assert_eq!(reading(&group).breaker, BreakerState::Closed);
}

#[tokio::test]
async fn whole_answers_that_make_no_sense_count_though_their_heads_come() {
    let upstream = Upstream::start().await;
    upstream.often(5, &Act::status(200, "{\"choices\": ["));
    let group = group(&[&upstream]);
    for number in 0..5 {
        let answer = relay(&group, passage(&whole(&number.to_string()))).await;
        assert_eq!(answer.unwrap_err().kind(), Kind::Upstream);
    }
    assert_eq!(fail(&group).await.1.kind(), Kind::Unavailable);
    assert_eq!(upstream.received().len(), 5);
}

#[tokio::test]
async fn requests_that_begin_alike_are_several() {
    let upstream = Upstream::start().await;
    upstream.often(5, &Act::status(500, "{}"));
    let group = group(&[&upstream]);
    let preamble = "CREATE TABLE users (id INT);\n".repeat(100);
    for number in 0..5 {
        let body = json!({"model": "ours", "prompt": format!("{preamble}{number}"), "prompt_cache_key": "app"});
        let mut passage = passage(&body);
        passage.endpoint = Endpoint::Completions;
        assert_eq!(relay(&group, passage).await.unwrap_err().kind(), Kind::Upstream);
    }
    assert_eq!(fail(&group).await.1.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_server_that_is_to_be_left_alone_is_not_asked_in_anothers_place() {
    let (busy, ill) = (Upstream::start().await, Upstream::start().await);
    busy.then(Act::status_with(429, "retry-after: 60\r\n", "{}"));
    ill.then(Act::says(&["Hi"])).then(Act::status(502, "{}"));
    let group = group(&[&busy, &ill]);
    assert_eq!(ask(&group).await.unwrap().text, "Hi");
    assert_eq!(fail(&group).await.1.kind(), Kind::Upstream);
    assert_eq!((busy.received().len(), ill.received().len()), (1, 2));
    is_at_rest(&group);
}

#[tokio::test]
async fn how_long_a_whole_answer_takes_says_nothing_of_how_soon_a_stream_begins() {
    let upstream = Upstream::start().await;
    upstream.then(Act::whole(&answer("Hi"))).then(Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    relay(&group, passage(&whole("hello"))).await.unwrap();
    assert_eq!((reading(&group).beginnings.count(), reading(&group).latency_seconds), (0, 0.0));
    ask(&group).await.unwrap();
    assert_eq!(reading(&group).beginnings.count(), 1);
}

fn answer(text: &str) -> Value {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
    json!({"id": "1", "object": "chat.completion", "created": 1, "model": "theirs", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})
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
        // No breaker opens for it, and nobody is left alone.
        upstream.often(100, &Act::status(508, "{}"));
    }
    let group = group(&[&one, &two]);
    for _ in 0..40 {
        assert_eq!(fail(&group).await.1.kind(), Kind::Loop);
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
