//! Servers that take only so many requests at a time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Kind};
use gateway::{Group, GroupSettings, UpstreamSettings};
use testkit::upstream::{Act, Upstream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::fixture::{ask, fail, is_at_rest, question, settings, upstream};

fn one_at_a_time(server: &Upstream, queue_timeout: Duration) -> Arc<Group> {
    let limited = UpstreamSettings { max_concurrent: Some(NonZeroU32::MIN), ..upstream(&server.url()) };
    Group::new(GroupSettings { queue_timeout, ..settings(vec![limited]) }).unwrap()
}

async fn until_waiting(group: &Group, count: u32) {
    while group.activity().waiting != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_waits_and_one_more_is_too_many() {
    let server = Upstream::start().await;
    let gate = watch::Sender::new(false);
    server.then(Act::says(&["first"]).after(&gate)).then(Act::says(&["second"]));
    let group = one_at_a_time(&server, Duration::from_mins(1));
    let mut asking = JoinSet::new();
    for _ in 0..2 {
        let group = Arc::clone(&group);
        asking.spawn(async move { ask(&group).await.unwrap().text });
    }
    until_waiting(&group, 1).await;
    let (_, error) = fail(&group).await;
    assert_eq!(error.kind(), Kind::QueueFull);
    assert!(error.retry_after().is_some());
    gate.send_replace(true);
    let mut said = asking.join_all().await;
    said.sort();
    assert_eq!(said, ["first", "second"]);
    is_at_rest(&group);
}

#[tokio::test]
async fn waiting_has_an_end() {
    let server = Upstream::start().await;
    server.then(Act::says(&["Hi"]));
    let group = one_at_a_time(&server, Duration::from_millis(20));
    let held = group.generate(question("Hello?")).await.unwrap();
    assert_eq!(fail(&group).await.1.kind(), Kind::QueueFull);
    drop(held);
    is_at_rest(&group);
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_takes_nothing_along() {
    let server = Upstream::start().await;
    server.often(2, &Act::says(&["Hi"]));
    let group = one_at_a_time(&server, Duration::from_mins(1));
    let held = group.generate(question("Hello?")).await.unwrap();
    let mut leaving = JoinSet::new();
    let queued = Arc::clone(&group);
    leaving.spawn(async move { ask(&queued).await.map(drop) });
    until_waiting(&group, 1).await;
    leaving.abort_all();
    until_waiting(&group, 0).await;
    drop(held);
    ask(&group).await.unwrap();
    assert_eq!(server.received().len(), 2);
    is_at_rest(&group);
}
