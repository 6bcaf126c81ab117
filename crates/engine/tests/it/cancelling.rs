//! A reader that goes away takes its request along, wherever that is.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backend::{Backend, Choices, Event, Generation};
use engine::{Engine, EngineSettings};
use tokio::task::JoinSet;

use crate::client::{ask, greedy, next, prompt, settings, start, until};

async fn is_at_rest(engine: &Engine) {
    until(engine, |activity| activity.running == 0 && activity.waiting == 0 && activity.kv_blocks_in_use == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_decoding() {
    let engine = start(settings());
    let mut events = engine.generate(greedy(prompt(1, 10), 1000)).await.unwrap();
    while !matches!(next(&mut events).await, Some(Ok(Event::Text { .. }))) {}
    until(&engine, |activity| activity.running == 1).await;
    drop(events);
    is_at_rest(&engine).await;
    assert!(engine.activity().generation_tokens < 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_prompt() {
    let engine = start(EngineSettings { step_tokens: NonZeroUsize::MIN, max_running: NonZeroUsize::MIN, ..settings() });
    let events = engine.generate(greedy(prompt(1, 1500), 100)).await.unwrap();
    drop(events);
    is_at_rest(&engine).await;
    assert!(engine.activity().prompt_tokens < 1500, "the rest of the prompt was not computed");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_waiting_in_the_queue() {
    let engine = start(EngineSettings { max_running: NonZeroUsize::MIN, ..settings() });
    let running = engine.generate(greedy(prompt(1, 10), 1500)).await.unwrap();
    let mut waiting = JoinSet::new();
    let queued = Arc::clone(&engine);
    waiting.spawn(async move { queued.generate(greedy(prompt(2, 10), 10)).await.map(drop) });
    until(&engine, |activity| activity.waiting == 1).await;
    waiting.abort_all();
    until(&engine, |activity| activity.waiting == 0).await;
    drop(running);
    is_at_rest(&engine).await;
    assert_eq!(engine.activity().prompt_tokens, 10, "the one that waited was never begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_choices_of_a_request() {
    let engine = start(settings());
    let choices = Choices::new(4).unwrap();
    let mut events = engine.generate(Generation { choices, ..greedy(prompt(1, 40), 1000) }).await.unwrap();
    while !matches!(next(&mut events).await, Some(Ok(Event::Text { choice: 3, .. }))) {}
    drop(events);
    is_at_rest(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_the_others_go_on() {
    let engine = start(settings());
    let expected = ask(&engine, greedy(prompt(1, 30), 200)).await;
    let left = engine.generate(greedy(prompt(2, 30), 1000)).await.unwrap();
    let stayed = engine.generate(greedy(prompt(1, 30), 200)).await.unwrap();
    drop(left);
    assert_eq!(crate::client::read(stayed).await.only().text, expected.only().text);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_engine_ends_what_runs() {
    let engine = start(settings());
    let mut events = engine.generate(greedy(prompt(1, 10), 1500)).await.unwrap();
    drop(engine);
    let mut last = None;
    while let Some(event) = next(&mut events).await {
        last = Some(event);
    }
    assert!(matches!(last, Some(Err(_))), "an answer that was cut off ends in an error");
}
