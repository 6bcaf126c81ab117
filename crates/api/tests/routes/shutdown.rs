//! The server is told to stop while an answer is being made.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serving::Model;
use testkit::{Remote, Reply, Scripted, TestApp, events, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{CHAT, chat_with};

/// A server whose backend has begun to answer, and the client that reads.
async fn answering(grace: Duration) -> (testkit::Listening, TcpStream, Remote) {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let models = vec![Model::new(Arc::new(backend.clone()))];
    let app = TestApp::with(models, serving::Settings::default(), api::Settings { grace, ..settings() });
    let server = app.listen().await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let body = chat_with(json!({"stream": true})).to_string();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all((head + &body).as_bytes()).await.unwrap();
    backend.until(|counts| counts.running == 1).await;
    (server, connection, remote)
}

#[tokio::test]
async fn an_answer_may_run_out() {
    let (server, mut connection, remote) = answering(Duration::from_hours(1)).await;
    server.shutdown.cancel();
    for event in events::answer(&["Hi"]) {
        assert!(remote.send(event));
    }
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("[DONE]"), "{text}");
    server.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn after_the_grace_period_it_is_cut_off_with_a_word() {
    let (server, mut connection, remote) = answering(Duration::ZERO).await;
    server.shutdown.cancel();
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("the server is shutting down") && !text.contains("[DONE]"), "{text}");
    server.ended.await.unwrap().unwrap();
    remote.dropped().await;
}
