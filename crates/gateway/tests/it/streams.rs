//! Answers as they come, well or ill.

use backend::{Backend, Event, Kind, Usage};
use futures_util::StreamExt;
use serde_json::json;
use testkit::upstream::{Act, Step, Upstream, chunk, last, usage};
use tokio::sync::watch;

use crate::fixture::{ask, fail, failures, group, is_at_rest, question, reading};

const USAGE: Usage = Usage { prompt_tokens: 5, cached_tokens: 0, completion_tokens: 2 };

#[tokio::test]
async fn an_answer_is_what_the_server_says() {
    let upstream = Upstream::start().await;
    upstream.then(Act::says(&["Hi", " there"]));
    let group = group(&[&upstream]);
    let answer = ask(&group).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.usage), ("Hi there", USAGE));
    assert_eq!(
        upstream.only().json(),
        json!({"model": "theirs", "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "Hello?"}]})
    );
    let reading = reading(&group);
    assert_eq!((reading.requests, reading.beginnings.count(), reading.without_usage), (1, 1, 0));
    is_at_rest(&group);
}

#[tokio::test]
async fn a_connection_is_used_again_for_the_next_stream() {
    let upstream = Upstream::start().await;
    let gate = watch::Sender::new(false);
    // The end of the body is late.
    let mut late = Act::says(&["Hi"]);
    late.0.insert(late.0.len() - 1, Step::Wait(gate.clone()));
    upstream.then(late).then(Act::says(&["Hi"]));
    let group = group(&[&upstream]);
    let mut events = group.generate(question("Hello?")).await.unwrap();
    while !matches!(events.next().await, Some(Ok(Event::Finished { .. }))) {}
    // All that the server has to say has been sent, and is there to be read.
    upstream.until(|seen| seen.gates == 1).await;
    let mut end = events.next();
    for _ in 0..100 {
        assert!(futures_util::poll!(&mut end).is_pending(), "the end of the body is waited for");
        tokio::task::yield_now().await;
    }
    gate.send_replace(true);
    assert!(matches!(end.await, Some(Ok(Event::Done(_)))));
    ask(&group).await.unwrap();
    assert_eq!(upstream.until(|_| true).await.connections, 1);
}

#[tokio::test]
async fn bytes_may_be_split_anywhere() {
    let upstream = Upstream::start().await;
    for size in [1, 2, 3, 7] {
        upstream.then(Act::says(&["Grüße,", " 世界", " 🦀"]).split(size));
        let group = group(&[&upstream]);
        assert_eq!(ask(&group).await.unwrap().text, "Grüße, 世界 🦀", "{size} bytes at a time");
    }
}

#[tokio::test]
async fn a_stream_that_ends_in_the_middle_is_an_error() {
    let upstream = Upstream::start().await;
    let whole = Act::events(&[chunk("Hi"), chunk(" there")]);
    let length = whole.bytes().len();
    upstream.then(whole.clone().cut(length - 30).then(Step::Close)).then(whole.then(Step::Reset));
    let group = group(&[&upstream]);
    for text in ["Hi", "Hi there"] {
        let (said, error) = fail(&group).await;
        assert_eq!((said.as_deref(), error.kind()), (Some(text), Kind::Upstream));
    }
    assert_eq!(failures(&reading(&group), "broken"), 2);
    is_at_rest(&group);
}

#[tokio::test]
async fn a_stream_that_says_nothing_of_its_end_is_an_error() {
    let upstream = Upstream::start().await;
    // Well formed as HTTP, and without [DONE].
    upstream.then(Act::body(&format!("data: {}\n\n", chunk("Hi"))));
    let group = group(&[&upstream]);
    let (said, error) = fail(&group).await;
    assert_eq!((said.as_deref(), error.kind()), (Some("Hi"), Kind::Upstream));
}

#[tokio::test]
async fn an_end_without_a_reason_is_an_error() {
    let upstream = Upstream::start().await;
    upstream.then(Act::stream(&[chunk("Hi")]));
    let group = group(&[&upstream]);
    assert_eq!(fail(&group).await.1.kind(), Kind::Upstream);
}

#[tokio::test]
async fn an_answer_without_anything_is_an_error_before_the_first_byte() {
    let upstream = Upstream::start().await;
    upstream.then(Act::body("")).then(Act::body("data: [DONE]\n\n")).then(Act::status(200, "")).then(Act::status(200, "{}"));
    let group = group(&[&upstream]);
    // An empty stream may be a connection that broke: it is asked for once more.
    for tries in [2, 3, 4] {
        let (said, error) = fail(&group).await;
        assert_eq!((said, error.kind()), (None, Kind::Upstream));
        assert_eq!(upstream.received().len(), tries);
    }
    is_at_rest(&group);
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let upstream = Upstream::start().await;
    let none_asked = json!({"choices": [{"index": 7, "delta": {"content": "?"}}]});
    upstream.then(Act::body("data: <html>\n\n")).then(Act::stream(&[none_asked]));
    let group = group(&[&upstream]);
    for _ in 0..2 {
        assert_eq!(fail(&group).await.1.kind(), Kind::Upstream);
    }
    assert_eq!(failures(&reading(&group), "nonsense"), 2);
}

#[tokio::test]
async fn an_error_in_the_stream_is_one_in_every_shape() {
    let upstream = Upstream::start().await;
    let chat = chunk("Hi").to_string();
    for error in [
        r#"event: error\ndata: {"error":{"message":"secret","type":"server_error"}}"#,
        r#"data: {"error":{"message":"secret","code":500}}"#,
        r#"data: {"object":"error","message":"secret","code":500}"#,
    ] {
        let error = error.replace("\\n", "\n");
        upstream.then(Act::body(&format!("data: {chat}\n\n{error}\n\ndata: [DONE]\n\n")));
    }
    let group = group(&[&upstream]);
    for _ in 0..3 {
        let (said, error) = fail(&group).await;
        assert_eq!((said.as_deref(), error.kind()), (Some("Hi"), Kind::Upstream));
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn the_usage_may_come_with_the_last_piece() {
    let upstream = Upstream::start().await;
    let mut end = last("stop");
    end["usage"] = usage(5, 2)["usage"].clone();
    upstream.then(Act::stream(&[chunk("Hi"), chunk(" there"), end]));
    let group = group(&[&upstream]);
    assert_eq!(ask(&group).await.unwrap().usage, USAGE);
}

#[tokio::test]
async fn without_a_usage_the_bytes_are_counted() {
    let upstream = Upstream::start().await;
    upstream.then(Act::stream(&[chunk("Hi"), chunk(" there"), last("stop")]));
    let group = group(&[&upstream]);
    let usage = ask(&group).await.unwrap().usage;
    assert_eq!(
        usage,
        Usage { prompt_tokens: 12, cached_tokens: 0, completion_tokens: 3 },
        "a token is three bytes, and a message has five around it"
    );
    assert_eq!(reading(&group).without_usage, 1);
}

#[tokio::test]
async fn a_usage_that_makes_no_sense_is_none_and_one_below_what_came_is_not_believed() {
    let upstream = Upstream::start().await;
    let wrong = json!({"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": "many"}});
    upstream.then(Act::stream(&[chunk("Hi"), chunk(" there"), last("stop"), wrong]));
    upstream.then(Act::stream(&[chunk("Hi"), chunk(" there"), last("stop"), usage(5, 0)]));
    let group = group(&[&upstream]);
    assert_eq!(ask(&group).await.unwrap().usage.completion_tokens, 3);
    assert_eq!(ask(&group).await.unwrap().usage, USAGE);
    assert_eq!(reading(&group).without_usage, 1);
}
