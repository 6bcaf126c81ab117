//! Several generations as one answer.

use backend::Kind;
use futures_util::StreamExt;
use testkit::{Reply, Scripted, TestApp, events};

use crate::generation;

#[tokio::test]
async fn those_that_run_are_read_while_others_wait() {
    let backend = Scripted::new("demo");
    let (first, remote) = Reply::steered();
    let (second, gate) = Reply::text(&["b"]).gated();
    backend.reply(first).reply(second);
    let service = TestApp::new(&backend).service;
    let mut answers = Box::pin(service.generate_all(vec![generation(), generation()]));
    assert!(futures_util::poll!(&mut answers).is_pending());
    // More than the first has room for: only somebody who reads lets it go on.
    for _ in 0..4 {
        for _ in 0..1000 {
            assert!(remote.send(events::text(0, "a")));
        }
        while !remote.is_read() {
            assert!(futures_util::poll!(&mut answers).is_pending());
            // A task may only read so much before it lets others have their turn.
            tokio::task::yield_now().await;
        }
    }
    gate.send(()).unwrap();
    for event in events::answer(&[]) {
        assert!(remote.send(event));
    }
    let events: Vec<_> = answers.await.unwrap().collect().await;
    assert_eq!(events.iter().filter(|event| matches!(event, Ok((0, _)))).count(), 4003);
    assert_eq!(events.iter().filter(|event| matches!(event, Ok((1, _)))).count(), 4);
}

#[tokio::test]
async fn a_failure_before_all_run_refuses_all() {
    let backend = Scripted::new("demo");
    let (first, remote) = Reply::steered();
    backend.reply(first).reply(Reply::Queue);
    let service = TestApp::new(&backend).service;
    let mut answers = Box::pin(service.generate_all(vec![generation(), generation()]));
    assert!(futures_util::poll!(&mut answers).is_pending());
    remote.fail(backend::Error::internal("broken"));
    assert_eq!(answers.await.err().map(|refused| refused.error.kind()), Some(Kind::Internal));
    assert_eq!((backend.counts().running, backend.counts().waiting), (0, 0));
}
