//! Other models in the place of one whose servers cannot answer, on the routes that hand requests on.

use std::sync::Arc;

use backend::Hop;
use gateway::Timeouts;
use serde_json::{Value, json};
use serving::Model;
use testkit::upstream::{Act, Upstream};
use testkit::{Reply, Scripted, TestApp};

use crate::remote::{gateway_of, group_at};
use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

/// `demo`, which nobody is there to answer for, `small`, which runs here, and `far`, which runs there: in this order after `demo`.
async fn app(order: [&str; 2], small: &Scripted, far: &Upstream) -> TestApp {
    let gone = group_at(&Upstream::nowhere().await, Timeouts::default());
    let demo = Model { fallbacks: order.map(str::to_owned).into(), ..Model::new(gone) };
    let far = Model::new(gateway_of("far", &far.url(), "theirs", Timeouts::default(), Hop::new(7)));
    TestApp::with_models(vec![demo, Model::new(Arc::new(small.clone())), far])
}

fn said(answer: &Value) -> (&Value, &Value) {
    (&answer["model"], &answer["choices"][0]["message"]["content"])
}

fn whole(text: &str) -> Act {
    Act::whole(&json!({"model": "theirs", "choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}))
}

#[tokio::test]
async fn they_are_asked_in_the_order_of_the_settings_wherever_they_run() {
    let (small, far) = (Scripted::new("small"), Upstream::start().await);
    small.reply(Reply::text(&["from here"]));
    far.then(whole("from there"));
    let first_here = app(["small", "far"], &small, &far).await;
    let answer = first_here.post(CHAT, &chat_with(json!({}))).await.ok().json();
    assert_eq!(said(&answer), (&json!("demo"), &json!("from here")));
    assert_eq!(far.received(), []);
    let first_there = app(["far", "small"], &small, &far).await;
    let answer = first_there.post(CHAT, &chat_with(json!({}))).await.ok().json();
    assert_eq!(said(&answer), (&json!("demo"), &json!("from there")));
}

#[tokio::test]
async fn one_that_does_not_know_a_parameter_is_passed_over() {
    let (small, far) = (Scripted::new("small"), Upstream::start().await);
    far.then(whole("with tools"));
    let app = app(["small", "far"], &small, &far).await;
    let answer = app.post(CHAT, &chat_with(json!({"tools": [{"type": "function"}]}))).await.ok().json();
    assert_eq!(said(&answer).1, "with tools");
}

#[tokio::test]
async fn where_none_answers_the_model_that_was_named_is_said_to_have_failed() {
    let (small, far) = (Scripted::new("small"), Upstream::start().await);
    far.often(2, &Act::status(400, r#"{"error":{"message":"no tools here"}}"#));
    let app = app(["small", "far"], &small, &far).await;
    for (path, body) in [(CHAT, chat_with(json!({"tools": [1]}))), (COMPLETIONS, completion_with(json!({"suffix": "x"})))] {
        let answer = app.post(path, &body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (502, &json!("upstream_error")));
    }
}
