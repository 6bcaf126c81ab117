//! A client that goes away, at each stage: what was held for it is free again.

use http_body_util::BodyExt;
use serde_json::json;
use testkit::{Reply, Scripted, TestApp, events, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{CHAT, COMPLETIONS, chat_with, completion_with};

/// A client with a connection of its own, that has sent this and waits for the answer.
async fn ask(address: std::net::SocketAddr, path: &str, body: &serde_json::Value) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    connection.write_all((head + &body).as_bytes()).await.unwrap();
    connection
}

#[tokio::test]
async fn in_the_queue() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::Queue);
    let app = TestApp::new(&backend);
    let server = app.listen().await;
    let connection = ask(server.address, CHAT, &chat_with(json!({}))).await;
    backend.until(|counts| counts.waiting == 1).await;
    drop(connection);
    backend.until(|counts| counts.waiting == 0 && counts.left == 1).await;
    // It is counted under the status that proxies have for this, and for the model that it was for.
    assert!(app.get("/metrics").await.text().contains("status=\"499\",model=\"demo\""));
}

#[tokio::test]
async fn before_an_answer_in_one_piece() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let server = TestApp::new(&backend).listen().await;
    let connection = ask(server.address, CHAT, &chat_with(json!({}))).await;
    backend.until(|counts| counts.running == 1).await;
    assert!(remote.send(events::prompt(5)));
    drop(connection);
    remote.dropped().await;
    assert_eq!(backend.counts().dropped, 1);
}

#[tokio::test]
async fn before_the_first_token() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let app = TestApp::new(&backend);
    let response = app.open(post(CHAT, chat_with(json!({"stream": true})).to_string())).await;
    assert_eq!(backend.counts().running, 1);
    drop(response);
    remote.dropped().await;
    assert_eq!(backend.counts().dropped, 1);
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let server = TestApp::new(&backend).listen().await;
    let mut connection = ask(server.address, CHAT, &chat_with(json!({"stream": true}))).await;
    remote.send(events::prompt(5));
    remote.send(events::text(0, "Hi"));
    let mut received = Vec::new();
    while !received.windows(2).any(|bytes| bytes == b"Hi") {
        assert_ne!(connection.read_buf(&mut received).await.unwrap(), 0);
    }
    drop(connection);
    remote.dropped().await;
    assert_eq!(backend.counts().dropped, 1);
}

#[tokio::test]
async fn while_one_prompt_runs_and_another_waits() {
    let backend = Scripted::new("demo");
    let (reply, remote) = Reply::steered();
    backend.reply(reply).reply(Reply::Queue);
    let server = TestApp::new(&backend).listen().await;
    let connection = ask(server.address, COMPLETIONS, &completion_with(json!({"prompt": ["a", "b"]}))).await;
    backend.until(|counts| counts.running == 1 && counts.waiting == 1).await;
    drop(connection);
    remote.dropped().await;
    backend.until(|counts| counts.left == 1 && counts.dropped == 1).await;
}

#[tokio::test]
async fn a_stream_that_was_read_to_its_end_was_not_dropped() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let app = TestApp::new(&backend);
    let mut body = app.open(post(CHAT, chat_with(json!({"stream": true})).to_string())).await.into_body();
    while body.frame().await.is_some() {}
    // The body is still there, but what the backend held is free.
    assert_eq!((backend.counts().running, backend.counts().dropped), (0, 0));
    drop(body);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_arrive() {
    let server = TestApp::new(&Scripted::new("demo")).listen().await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: te").await.unwrap();
    let mut answer = Vec::new();
    // The clock leaps to the time limit, and the connection is closed.
    connection.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_for_nothing() {
    let server = TestApp::new(&Scripted::new("demo")).listen().await;
    // The second is how HTTP/2 begins.
    for start in ["", "PRI * HT"] {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(start.as_bytes()).await.unwrap();
        assert_eq!(connection.read_to_end(&mut Vec::new()).await.ok(), Some(0), "{start:?}");
    }
}
