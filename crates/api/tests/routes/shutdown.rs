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

/// What a new connection is answered.
async fn asked(server: &testkit::Listening, request: &str) -> String {
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn who_comes_meanwhile_is_told_to_come_again() {
    let (server, connection, remote) = answering(Duration::from_hours(1)).await;
    server.shutdown.cancel();
    // The server may take a connection or two before it looks up.
    let ready = "GET /health/ready HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    while !asked(&server, ready).await.starts_with("HTTP/1.1 503") {}
    let body = chat_with(json!({})).to_string();
    let chat = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let refused = asked(&server, &chat).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: "), "{refused}");
    drop(connection);
    remote.dropped().await;
    server.ended.await.unwrap().unwrap();
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
