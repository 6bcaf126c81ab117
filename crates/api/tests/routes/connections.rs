//! What a connection may ask for, and how slowly.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use backend::FinishReason;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::prelude::*;
use serde_json::json;
use serving::Model;
use testkit::{Answer, Listening, Remote, Reply, Scripted, TestApp, events, post, request, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{CHAT, chat_with};

fn app(api: api::Settings) -> (Scripted, TestApp) {
    let backend = Scripted::new("demo");
    let app = TestApp::with(vec![Model::new(Arc::new(backend.clone()))], serving::Settings::default(), api);
    (backend, app)
}

/// All that comes back until the server closes the connection.
async fn exchange(server: &Listening, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may have heard enough before it has heard all.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn streamed_chat() -> String {
    let body = chat_with(json!({"stream": true})).to_string();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    head + &body
}

async fn answers(server: &Listening) -> bool {
    let answer = exchange(server, "GET /health/live HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
    answer.starts_with("HTTP/1.1 200")
}

fn told(answer: &Answer) -> String {
    format!("{}\n{}", answer.status, answer.stable_json())
}

#[tokio::test]
async fn a_head_that_is_too_large() {
    let (_, app) = app(settings());
    insta::assert_snapshot!(told(&app.get(&format!("/v1/models?{}", "x".repeat(8192))).await), @r#"
        414 URI Too Long
        {"error":{"message":"the path and query are longer than 8192 bytes","type":"invalid_request_error","param":null,"code":"uri_too_long"}}
    "#);
    let mut many = request(Method::GET, "/health", Body::empty());
    for number in 0..101 {
        many.headers_mut().insert(axum::http::HeaderName::try_from(format!("x-{number}")).unwrap(), "1".parse().unwrap());
    }
    insta::assert_snapshot!(told(&app.send(many).await), @r#"
        431 Request Header Fields Too Large
        {"error":"validation_error","message":"the request has more than 100 headers","details":{},"timestamp":"2026-01-01T00:00:00Z","request_id":"…"}
    "#);
    let mut large = request(Method::GET, "/v1/models", Body::empty());
    large.headers_mut().insert("x-large", "x".repeat(32 * 1024).parse().unwrap());
    insta::assert_snapshot!(told(&app.send(large).await), @r#"
        431 Request Header Fields Too Large
        {"error":{"message":"the request has more than 32768 bytes of headers","type":"invalid_request_error","param":null,"code":"headers_too_large"}}
    "#);
}

#[tokio::test]
async fn over_http_1_it_is_told_so_until_it_is_enormous() {
    let server = app(settings()).1.listen().await;
    let with = |headers: usize| {
        let headers = "x-more: 1\r\n".repeat(headers);
        format!("GET /health HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n")
    };
    assert!(exchange(&server, with(90)).await.starts_with("HTTP/1.1 200"));
    let ours = exchange(&server, with(200)).await;
    assert!(ours.starts_with("HTTP/1.1 431") && ours.contains("x-request-id") && ours.ends_with('}'), "{ours}");
    // hyper's own answer: it keeps nothing of such a head.
    let bare = exchange(&server, with(300)).await;
    assert!(bare.starts_with("HTTP/1.1 431") && bare.ends_with("\r\n\r\n"), "{bare}");
    let long =
        exchange(&server, format!("GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "x".repeat(9000))).await;
    assert!(long.starts_with("HTTP/1.1 414") && long.ends_with('}'), "{long}");
    assert!(exchange(&server, "NONSENSE\r\n\r\n").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn bodies_are_read_as_they_are() {
    let (backend, app) = app(settings());
    let send = async |encoding: &'static str| {
        let mut request = post(CHAT, chat_with(json!({})).to_string());
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        app.send(request).await
    };
    insta::assert_snapshot!(told(&send("gzip").await), @r#"
        415 Unsupported Media Type
        {"error":{"message":"the body must be sent as it is, without a content-encoding or a transfer-encoding other than chunked","type":"invalid_request_error","param":null,"code":"unsupported_media_type"}}
    "#);
    backend.reply(Reply::text(&["Hi"]));
    send("identity").await.ok();
    let server = app.listen().await;
    for encoding in ["gzip, chunked", "chunked\r\ntransfer-encoding: chunked"] {
        let head = format!("content-type: application/json\r\nconnection: close\r\ntransfer-encoding: {encoding}");
        let answer = exchange(&server, format!("POST {CHAT} HTTP/1.1\r\nhost: test\r\n{head}\r\n\r\n0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
    }
}

#[tokio::test]
async fn who_asks_before_sending_a_body_is_answered() {
    let (backend, app) = app(api::Settings { body_limit: 1000, ..settings() });
    backend.reply(Reply::text(&["Hi"]));
    let server = app.listen().await;
    let head = |length: usize| {
        format!(
            "POST {CHAT} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nexpect: 100-continue\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let refused = exchange(&server, head(1001)).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let body = chat_with(json!({})).to_string();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head(body.len()).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_is_counted_as_it_comes() {
    let server = app(api::Settings { body_limit: 1000, ..settings() }).1.listen().await;
    let chunk = format!("200\r\n{}\r\n", " ".repeat(0x200));
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    // The last chunk never comes.
    let answer = exchange(&server, head + &chunk.repeat(2)).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("payload_too_large"), "{answer}");
}

#[tokio::test]
async fn who_reads_nothing_is_cut_off() {
    let (backend, app) = app(api::Settings { write_timeout: Duration::from_millis(20), ..settings() });
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let server = app.listen().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(streamed_chat().as_bytes()).await.unwrap();
    backend.until(|counts| counts.running == 1).await;
    filled_until_dropped(&remote).await;
    assert_eq!(backend.counts().dropped, 1);
}

#[tokio::test]
async fn who_reads_nothing_over_http_2_is_cut_off_though_the_connection_lives() {
    let (backend, app) = app(api::Settings { write_timeout: Duration::from_millis(20), ..settings() });
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let server = app.listen().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let body = Body::from(chat_with(json!({"stream": true})).to_string());
    let request = Request::post(format!("http://test{CHAT}")).header("content-type", "application/json").body(body).unwrap();
    let unread = async {
        let _answer = sender.send_request(request).await.unwrap();
        filled_until_dropped(&remote).await;
    };
    tokio::select! {
        () = unread => {}
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
    assert_eq!(backend.counts().dropped, 1);
}

#[tokio::test]
async fn who_takes_nothing_at_all_over_http_2_does_not_keep_a_connection() {
    let (_, app) = app(api::Settings { write_timeout: Duration::from_millis(20), ..settings() });
    let server = app.listen().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = client.initial_stream_window_size(0).handshake(TokioIo::new(stream)).await.unwrap();
    let request = Request::get("http://test/openapi.json").body(Body::empty()).unwrap();
    // The client has its end of it open all the while.
    let unread = async { sender.send_request(request).await.unwrap() };
    let (_, head) = tokio::join!(connection, unread);
    assert_eq!(head.status(), 200);
}

async fn filled_until_dropped(remote: &Remote) {
    remote.send(events::prompt(5));
    let fills = async {
        loop {
            remote.send(events::text(0, &"x".repeat(1 << 16)));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = remote.dropped() => {}
        () = fills => {}
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let (backend, app) = app(api::Settings { max_connections: 1, ..settings() });
    let (reply, remote) = Reply::steered();
    backend.reply(reply);
    let server = app.listen().await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(streamed_chat().as_bytes()).await.unwrap();
    backend.until(|counts| counts.running == 1).await;
    let waiting = answers(&server);
    tokio::pin!(waiting);
    for _ in 0..50 {
        assert!(futures_util::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }
    remote.send(events::prompt(5));
    remote.send(events::text(0, "Hi"));
    remote.send(events::finished(0, FinishReason::Stop));
    remote.send(events::done(5, 1));
    drop(remote);
    let mut answer = Vec::new();
    // It keeps its connection, which makes room as soon as it asks for nothing.
    let (read, answered) = tokio::join!(first.read_to_end(&mut answer), waiting);
    assert!(answered && read.is_ok());
    assert!(String::from_utf8_lossy(&answer).contains("data: [DONE]"), "the whole answer arrived");
}

#[tokio::test]
async fn one_that_asks_for_nothing_makes_room() {
    let server = app(api::Settings { max_connections: 1, ..settings() }).1.listen().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(answers(&server).await);
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "it was closed");
}

#[tokio::test]
async fn streams_taken_back_as_fast_as_they_are_opened() {
    let (backend, app) = app(settings());
    let server = app.listen().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let attack = async {
        for _ in 0..1000 {
            backend.reply(Reply::Queue);
            let request = Request::post(format!("http://test{CHAT}"))
                .header("content-type", "application/json")
                .body(Body::from(chat_with(json!({})).to_string()))
                .unwrap();
            if sender.ready().await.is_err() {
                break;
            }
            let answer = sender.send_request(request);
            tokio::task::yield_now().await;
            drop(answer);
        }
    };
    tokio::select! {
        () = attack => {}
        _ended = connection => {}
    }
    backend.until(|counts| counts.waiting == 0).await;
    assert!(answers(&server).await);
}

#[tokio::test]
async fn one_of_http_2_without_requests_is_closed_in_the_end() {
    let (_, app) = app(api::Settings { head_timeout: Duration::from_millis(100), ..settings() });
    let server = app.listen().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let request = Request::get("http://test/health/live").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    answer.into_body().collect().await.unwrap();
    // The client's end answers the server's pings all the while.
    let _ended = connections.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn large_heads_over_http_2_are_told_so() {
    let server = app(settings()).1.listen().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let request = Request::get("http://test/health").header("x-large", "x".repeat(40_000)).body(Body::empty()).unwrap();
    let asked = async {
        let response = sender.send_request(request).await.unwrap();
        (response.status(), response.into_body().collect().await.unwrap().to_bytes())
    };
    let (status, body) = tokio::select! {
        answer = asked => answer,
        ended = connection => panic!("the connection ended: {ended:?}"),
    };
    assert!(status == 431 && body.ends_with(b"}"), "{status} {body:?}");
}

/// Bytes of all sorts, and requests with something wrong somewhere.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let request = (
        prop_oneof!["GET", "POST", "CONNECT", "OPTIONS", "HEAD", "PRI", "[A-Z]{0,9}"],
        prop_oneof!["/v1/chat/completions", "/v1/models/[ -~]{0,9}", "\\*", "http://[a-z:@/]{0,9}", "/[ -~]{0,20}", "a:1"],
        prop_oneof!["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "[A-Z/0-9.]{0,8}"],
        prop::collection::vec(
            prop_oneof![
                "host: [ -~]{0,9}",
                "content-length: [0-9-]{0,22}",
                "transfer-encoding: (chunked|gzip|x)",
                "content-type: application/json",
                "expect: 100-continue",
                "upgrade: h2c",
                "x-request-id: [ -~]{0,200}",
                "x-forwarded-for: [ -~]{0,40}",
                "[ -~]{0,30}",
            ],
            0..6,
        ),
        prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(any::<u8>(), 0..64),
            "[{}\\[\\]\":,a-z0-9]{0,64}".prop_map(Vec::from)
        ],
    )
        .prop_map(|(method, target, version, headers, body)| {
            let head = format!("{method} {target} {version}\r\n{}\r\n\r\n", headers.join("\r\n"));
            [head.into_bytes(), body].concat()
        });
    let http_2 = prop::collection::vec(any::<u8>(), 0..200)
        .prop_map(|frames| [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frames].concat());
    prop_oneof![3 => request, 1 => http_2, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_the_server_answers_the_next(sent in bytes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (backend, app) = app(settings());
            backend.reply(Reply::text(&["Hi"]));
            let server = app.listen().await;
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let _ = stream.write_all(&sent).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            prop_assert!(answers(&server).await);
            Ok(())
        })?;
    }
}
