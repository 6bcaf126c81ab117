//! The end: nothing new, what runs may run out, and what takes too long is cancelled.

use backend::{Event, Kind};
use futures_util::StreamExt;
use testkit::{Reply, Scripted, TestApp, events};

use crate::generation;

#[tokio::test]
async fn nothing_new_is_taken() {
    let service = TestApp::new(&Scripted::new("demo")).service;
    service.drain();
    assert_eq!(service.generate(generation()).await.err().map(|error| error.kind()), Some(Kind::Unavailable));
    service.idle().await;
}

#[tokio::test]
async fn idle_is_when_the_last_answer_has_ended() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let service = TestApp::new(&backend).service;
    let mut answer = service.generate(generation()).await.unwrap();
    service.drain();
    let mut idle = Box::pin(service.idle());
    assert!(futures_util::poll!(&mut idle).is_pending());
    for event in events::answer(&["Hi"]) {
        assert!(remote.send(event));
    }
    while answer.next().await.is_some_and(|event| !matches!(event, Ok(Event::Done(_)))) {}
    assert!(futures_util::poll!(&mut idle).is_pending());
    drop(answer);
    idle.await;
}

#[tokio::test]
async fn cancelling_ends_what_runs_and_what_waits() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply).reply(Reply::Queue);
    let service = TestApp::new(&backend).service;
    let mut running = service.generate(generation()).await.unwrap();
    let mut waiting = Box::pin(service.generate(generation()));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    service.cancel();
    assert_eq!(waiting.await.err().map(|error| error.kind()), Some(Kind::Unavailable));
    assert_eq!(running.next().await.unwrap().unwrap_err().kind(), Kind::Unavailable);
    // The backend's stream is gone, though the answer is still held.
    remote.dropped().await;
    assert!(running.next().await.is_none());
}
