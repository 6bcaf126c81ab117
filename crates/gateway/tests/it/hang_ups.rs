//! Clients that leave end their requests at the server, wherever they are.

use std::sync::Arc;

use backend::{Backend, Event};
use futures_util::StreamExt;
use testkit::upstream::{Act, Step, Upstream, chunk};
use tokio::task::JoinSet;

use crate::fixture::{ask, group, hello, is_at_rest, passage, question, reading, relay};

#[tokio::test]
async fn before_the_first_byte() {
    let upstream = Upstream::start().await;
    upstream.often(2, &Act::nothing().then(Step::Stall));
    let group = group(&[&upstream]);
    let mut asking = JoinSet::new();
    let (streaming, whole) = (Arc::clone(&group), Arc::clone(&group));
    asking.spawn(async move { ask(&streaming).await.map(drop) });
    asking.spawn(async move { relay(&whole, passage(&hello())).await.map(drop) });
    upstream.until(|seen| seen.requests == 2).await;
    asking.abort_all();
    upstream.until(|seen| seen.left == 2).await;
    while asking.join_next().await.is_some() {}
    is_at_rest(&group);
    assert!(reading(&group).usable, "who leaves says nothing about the server");
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    let upstream = Upstream::start().await;
    upstream.then(Act::events(&[chunk("Hi")]).then(Step::Stall));
    let group = group(&[&upstream]);
    let mut events = group.generate(question("Hello?")).await.unwrap();
    while !matches!(events.next().await, Some(Ok(Event::Text { .. }))) {}
    assert_eq!(group.activity().running, 1);
    drop(events);
    upstream.until(|seen| seen.left == 1).await;
    is_at_rest(&group);
}
