//! A second server that is asked where the first one takes long to begin.

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Kind, Usage};
use gateway::{Group, GroupSettings, Timeouts};
use testkit::upstream::{Act, Step, Upstream};
use tokio::sync::watch;

use crate::fixture::{ask, fail, hello, is_at_rest, passage, relay, settings, upstream};

const SHORT: Duration = Duration::from_millis(20);

/// Asked in this order.
fn hedged(servers: &[&Upstream]) -> Arc<Group> {
    let timeouts = Timeouts { hedge: Some(SHORT), total: 10 * SHORT, ..Timeouts::default() };
    let upstreams = servers.iter().map(|server| upstream(&server.url())).collect();
    Group::new(GroupSettings { timeouts, ..settings(upstreams) }).unwrap()
}

#[tokio::test]
async fn the_first_to_begin_answers_and_the_others_request_ends() {
    let (slow, quick) = (Upstream::start().await, Upstream::start().await);
    slow.then(Act::nothing().then(Step::Stall));
    quick.then(Act::says(&["Hi"]));
    let group = hedged(&[&slow, &quick]);
    let answer = ask(&group).await.unwrap();
    let paid = Usage { prompt_tokens: 5, cached_tokens: 0, completion_tokens: 1 };
    assert_eq!((answer.text.as_str(), answer.usage), ("Hi", paid), "one answer is paid");
    slow.until(|seen| seen.left == 1).await;
    assert_eq!((slow.received().len(), quick.received().len()), (1, 1));
    is_at_rest(&group);
    let [slow, quick] = group.upstreams().try_into().unwrap();
    assert!(slow.latency_seconds > quick.latency_seconds && slow.usable, "it is slow, and not ill");
}

#[tokio::test]
async fn it_may_still_be_the_first_one() {
    let (late, never) = (Upstream::start().await, Upstream::start().await);
    let gate = watch::Sender::new(false);
    late.then(Act::says(&["late"]).after(&gate));
    never.then(Act::nothing().then(Step::Stall));
    let timeouts = Timeouts { hedge: Some(SHORT), ..Timeouts::default() };
    let upstreams = vec![upstream(&late.url()), upstream(&never.url())];
    let group = Group::new(GroupSettings { timeouts, ..settings(upstreams) }).unwrap();
    let (answer, ()) = tokio::join!(ask(&group), async {
        never.until(|seen| seen.requests == 1).await;
        gate.send_replace(true);
    });
    assert_eq!(answer.unwrap().text, "late");
    never.until(|seen| seen.left == 1).await;
    is_at_rest(&group);
}

#[tokio::test]
async fn where_one_of_the_two_fails_the_other_one_is_waited_for() {
    let (late, ill) = (Upstream::start().await, Upstream::start().await);
    let gate = watch::Sender::new(false);
    late.then(Act::says(&["late"]).after(&gate));
    ill.then(Act::status(500, "{}"));
    let timeouts = Timeouts { hedge: Some(SHORT), ..Timeouts::default() };
    let upstreams = vec![upstream(&late.url()), upstream(&ill.url())];
    let group = Group::new(GroupSettings { timeouts, ..settings(upstreams) }).unwrap();
    let (answer, ()) = tokio::join!(ask(&group), async {
        while group.upstreams()[1].failures.iter().all(|(_, count)| *count == 0) {
            tokio::task::yield_now().await;
        }
        gate.send_replace(true);
    });
    assert_eq!(answer.unwrap().text, "late");
    is_at_rest(&group);
}

#[tokio::test]
async fn an_answer_in_one_piece_is_made_once() {
    let (slow, other) = (Upstream::start().await, Upstream::start().await);
    slow.then(Act::nothing().then(Step::Stall));
    let group = hedged(&[&slow, &other]);
    assert_eq!(relay(&group, passage(&hello())).await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(other.received(), []);
}

#[tokio::test]
async fn hedges_are_paid_from_the_budget_of_retries() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    for server in [&one, &two] {
        server.often(40, &Act::nothing().then(Step::Stall));
    }
    let timeouts = Timeouts { hedge: Some(Duration::from_millis(1)), first_byte: 10 * SHORT, ..Timeouts::default() };
    let upstreams = vec![upstream(&one.url()), upstream(&two.url())];
    let group = Group::new(GroupSettings { timeouts, ..settings(upstreams) }).unwrap();
    let asking = (0..30).map(|_| fail(&group));
    futures_util::future::join_all(asking).await;
    let sent: u64 = group.upstreams().iter().map(|upstream| upstream.requests).sum();
    assert!((31..=40).contains(&sent), "ten are there at the start: {sent}");
}
