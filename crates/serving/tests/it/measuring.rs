//! Times are the model's, not the reader's.

use std::time::Duration;

use backend::FinishReason;
use futures_util::StreamExt;
use testkit::{Reply, Scripted, TestApp, events};
use tokio::time::advance;

use crate::generation;

#[tokio::test(start_paused = true)]
async fn first_token_and_those_after() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let service = TestApp::new(&backend).service;
    let mut answer = service.generate(generation()).await.unwrap();
    for event in [events::prompt(5), events::text(0, "a"), events::text(0, "b"), events::text(0, "c")] {
        advance(Duration::from_secs(2)).await;
        remote.send(event);
        answer.next().await.unwrap().unwrap();
    }
    remote.send(events::finished(0, FinishReason::Stop));
    remote.send(events::done(5, 3));
    while answer.next().await.is_some() {}
    // A slow reader closes late.
    advance(Duration::from_hours(1)).await;
    drop(answer);
    let text = service.metrics().encode([]);
    for (name, seconds) in [("time_to_first_token", 4.0), ("time_per_output_token", 2.0), ("request_duration", 8.0)] {
        let start = format!("gen_ai_server_{name}_seconds_sum");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
        assert!(line.ends_with(&format!(" {seconds:.1}")), "{line}");
    }
}
