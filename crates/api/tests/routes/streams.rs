//! Server-sent events, whatever they carry and however they end.

use std::time::Duration;

use backend::Error;
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{Reply, Scripted, TestApp, events, parse_sse, post};
use tokio::time::Instant;

use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

#[tokio::test]
async fn a_failure_after_the_first_byte_is_an_event_and_no_done() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    remote.send(events::prompt(5));
    remote.send(events::text(0, "Hi"));
    remote.fail(Error::Upstream { reason: "it hung up".into() });
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    let last = answer.events().pop().unwrap();
    insta::assert_snapshot!(format!("{}: {}", last.event, last.data), @r#"error: {"error":{"message":"the server behind this model failed: it hung up","type":"server_error","param":null,"code":"upstream_error"}}"#);
    assert!(!answer.text().contains("[DONE]"));
}

#[tokio::test]
async fn a_panic_in_the_middle_is_a_failure_of_this_stream_only() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::PanicAfter(vec![events::prompt(5), events::text(0, "Hi")], "a secret of ours"));
    backend.reply(Reply::PanicAfter(vec![events::prompt(5)], "a secret of ours")).reply(Reply::text(&["Hi"]));
    let app = TestApp::new(&backend);
    let broken = app.post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    assert!(broken.text().contains("Hi") && !broken.text().contains("[DONE]"), "{}", broken.text());
    let last = broken.events().pop().unwrap();
    insta::assert_snapshot!(format!("{}: {}", last.event, last.data), @r#"error: {"error":{"message":"the server has failed; the request id leads to what it logged","type":"server_error","param":null,"code":"internal_server_error"}}"#);
    assert_eq!(app.post(CHAT, &chat_with(json!({"stream": false}))).await.status, 500);
    app.post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    assert_eq!(backend.counts().running, 0);
}

#[tokio::test]
async fn an_end_without_done_is_a_failure() {
    for stream in [true, false] {
        let backend = Scripted::new("demo");
        backend.reply(Reply::events(vec![events::prompt(5), events::text(0, "Hi")]));
        let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"stream": stream}))).await;
        assert!(answer.text().contains("internal_server_error"), "{}", answer.text());
        assert!(!answer.text().contains("[DONE]"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_pings_before_the_first_token_too() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let started = Instant::now();
    let app = TestApp::new(&backend);
    let mut body = app.open(post(COMPLETIONS, completion_with(json!({"stream": true})).to_string())).await.into_body();
    for count in 1..=2 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((&frame[..], started.elapsed()), (&b": ping\n\n"[..], Duration::from_secs(15) * count));
    }
    for event in events::answer(&["Hi"]) {
        assert!(remote.send(event));
    }
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(!rest.starts_with(b": ping"));
    assert!(rest.ends_with(b"data: [DONE]\n\n"));
}

/// The text that a client gets who reads the stream as the specification says.
async fn read_back(pieces: &[String]) -> String {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&pieces.iter().map(String::as_str).collect::<Vec<_>>()));
    let answer = TestApp::new(&backend).post(CHAT, &chat_with(json!({"stream": true}))).await.ok();
    let events = parse_sse(answer.text());
    assert_eq!(events.last().unwrap().data, "[DONE]");
    let chunks = events.iter().filter_map(|event| serde_json::from_str::<Value>(&event.data).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives(pieces in prop::collection::vec(prop_oneof![
        any::<String>(),
        "[\n\r: data\u{2028}\u{85}\u{feff}\0]{0,12}",
    ], 0..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        prop_assert_eq!(runtime.block_on(read_back(&pieces)), pieces.concat());
    }
}
