//! Servers that keep one waiting. What never comes is waited for shortly, what comes for long.

use std::time::Duration;

use backend::Kind;
use gateway::Timeouts;
use testkit::upstream::{Act, Step, Upstream, chunk};

use crate::fixture::{fail, failures, hello, is_at_rest, passage, reading, relay, within};

const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn no_head_in_time_is_a_timeout() {
    let upstream = Upstream::start().await;
    upstream.then(Act::nothing().then(Step::Stall));
    let group = within(&upstream, Timeouts { first_byte: SHORT, ..Timeouts::default() });
    let (said, error) = fail(&group).await;
    assert_eq!((said, error.kind()), (None, Kind::Timeout));
    upstream.until(|seen| seen.left == 1).await;
    assert_eq!(upstream.received().len(), 1, "what takes long is not asked again");
    assert_eq!(failures(&reading(&group), "timeout"), 1);
    is_at_rest(&group);
}

#[tokio::test]
async fn a_head_and_no_event_in_time_is_a_timeout_too() {
    let upstream = Upstream::start().await;
    upstream.then(Act::events(&[]).then(Step::Stall));
    let group = within(&upstream, Timeouts { first_byte: SHORT, ..Timeouts::default() });
    assert_eq!(fail(&group).await.1.kind(), Kind::Timeout);
    upstream.until(|seen| seen.left == 1).await;
    is_at_rest(&group);
}

#[tokio::test]
async fn silence_in_the_middle_ends_a_stream() {
    let upstream = Upstream::start().await;
    upstream.then(Act::events(&[chunk("Hi")]).then(Step::Stall));
    let group = within(&upstream, Timeouts { idle: SHORT, ..Timeouts::default() });
    let (said, error) = fail(&group).await;
    assert_eq!((said.as_deref(), error.kind()), (Some("Hi"), Kind::Timeout));
    upstream.until(|seen| seen.left == 1).await;
    is_at_rest(&group);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_ended() {
    let upstream = Upstream::start().await;
    upstream.then(Act::events(&[chunk("Hi")]).then(Step::Stall));
    let group = within(&upstream, Timeouts { total: SHORT, ..Timeouts::default() });
    assert_eq!(fail(&group).await.1.kind(), Kind::Timeout);
    is_at_rest(&group);
}

#[tokio::test]
async fn an_answer_in_one_piece_may_take_as_long_as_all_of_an_answer_may() {
    let upstream = Upstream::start().await;
    upstream.then(Act::nothing().then(Step::Stall));
    let group = within(&upstream, Timeouts { total: SHORT, ..Timeouts::default() });
    assert_eq!(relay(&group, passage(&hello())).await.unwrap_err().kind(), Kind::Timeout);
    is_at_rest(&group);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_asked_for_twice_and_given_up() {
    let nowhere = crate::fixture::upstream(&Upstream::nowhere().await);
    let group = gateway::Group::new(crate::fixture::settings(vec![nowhere])).unwrap();
    assert_eq!(fail(&group).await.1.kind(), Kind::Upstream);
    assert_eq!(failures(&reading(&group), "unreachable"), 2);
    is_at_rest(&group);
}
