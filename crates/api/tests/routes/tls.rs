//! HTTPS: the handshake, what is spoken inside, and certificates that are renewed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::Tls;
use axum::body::Body;
use axum::http::{Request, Version};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use serde_json::json;
use serving::Model;
use tempfile::TempDir;
use testkit::{Listening, Reply, Scripted, TestApp, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::{CHAT, chat_with};

/// The two files of a server, in a directory of their own.
struct Files {
    directory: TempDir,
}

type Pair = CertifiedKey<KeyPair>;

impl Files {
    fn of(pair: &Pair) -> Self {
        let files = Self { directory: TempDir::new().unwrap() };
        files.write(&pair.cert.pem(), &pair.signing_key.serialize_pem());
        files
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.certificate(), certificate).unwrap();
        std::fs::write(self.key(), key).unwrap();
    }

    fn certificate(&self) -> PathBuf {
        self.directory.path().join("server.pem")
    }

    fn key(&self) -> PathBuf {
        self.directory.path().join("server.key")
    }

    fn open(&self) -> Result<Tls, api::TlsError> {
        Tls::open(&self.certificate(), &self.key(), SystemTime::now())
    }

    /// What is said against the files, without the place where they lie.
    fn refusal(&self) -> String {
        let directory = self.directory.path().display().to_string();
        self.open().unwrap_err().to_string().replace(&directory, "")
    }
}

fn pair() -> Pair {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

async fn listen(backend: &Scripted, files: &Files) -> Listening {
    let api = api::Settings { tls: Some(files.open().unwrap()), tls_reload_every: Duration::from_millis(5), ..settings() };
    TestApp::with(vec![Model::new(Arc::new(backend.clone()))], serving::Settings::default(), api).listen().await
}

/// A client that trusts these certificates.
async fn connect(server: &Listening, trusted: &[&Pair], protocol: &str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    for pair in trusted {
        roots.add(pair.cert.der().clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

fn presented(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Reads one answer that says how long it is, and leaves the connection open.
async fn get_health(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "{}", String::from_utf8_lossy(&received));
    }
    String::from_utf8(received).unwrap()
}

#[tokio::test]
async fn http_1_over_tls() {
    let pair = pair();
    let server = listen(&Scripted::new("demo"), &Files::of(&pair)).await;
    let mut stream = connect(&server, &[&pair], "http/1.1").await;
    for _ in 0..2 {
        assert!(get_health(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    }
}

/// Asks for a chat's stream over HTTP/2.
async fn chat_over_http_2<S>(stream: S, scheme: &str) -> (Version, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let request = Request::post(format!("{scheme}://localhost{CHAT}"))
        .header("content-type", "application/json")
        .body(Body::from(chat_with(json!({"stream": true})).to_string()))
        .unwrap();
    let asked = async {
        let response = sender.send_request(request).await.unwrap();
        let version = response.version();
        (version, response.into_body().collect().await.unwrap().to_bytes())
    };
    let (version, bytes) = tokio::select! {
        answer = asked => answer,
        ended = connection => panic!("the connection ended: {ended:?}"),
    };
    (version, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn http_2_is_agreed_upon_in_the_handshake() {
    let pair = pair();
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let server = listen(&backend, &Files::of(&pair)).await;
    let stream = connect(&server, &[&pair], "h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (version, text) = chat_over_http_2(stream, "https").await;
    assert!(version == Version::HTTP_2 && text.ends_with("data: [DONE]\n\n"), "{version:?} {text}");
}

#[tokio::test]
async fn http_2_without_tls_by_prior_knowledge() {
    let backend = Scripted::new("demo");
    backend.reply(Reply::text(&["Hi"]));
    let server = TestApp::new(&backend).listen().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (version, text) = chat_over_http_2(stream, "http").await;
    assert!(version == Version::HTTP_2 && text.ends_with("data: [DONE]\n\n"), "{version:?} {text}");
}

#[tokio::test]
async fn who_forgets_the_s_is_told() {
    let server = listen(&Scripted::new("demo"), &Files::of(&pair())).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("x-request-id: "), "{answer}");
    assert!(answer.contains("this port speaks HTTPS"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end() {
    let server = listen(&Scripted::new("demo"), &Files::of(&pair())).await;
    for start in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start).await.unwrap();
        // The clock leaps to the time limit, and the connection is closed.
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.ok(), Some(0));
    }
}

#[tokio::test]
async fn what_is_neither_http_nor_tls_ends_its_own_connection_only() {
    let pair = pair();
    let server = listen(&Scripted::new("demo"), &Files::of(&pair)).await;
    for garbage in [&b"\0\0\0\0\0\0\0\0"[..], b"\x16\x03\x01\x00\x05hello", b"SSH-2.0-x\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        // Whatever it answers, it ends.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    get_health(&mut connect(&server, &[&pair], "http/1.1").await).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_nobody_notices() {
    let (old, new) = (pair(), pair());
    let files = Files::of(&old);
    let server = listen(&Scripted::new("demo"), &files).await;
    let mut before = connect(&server, &[&old], "http/1.1").await;
    get_health(&mut before).await;
    files.write(&new.cert.pem(), &new.signing_key.serialize_pem());
    loop {
        let mut stream = connect(&server, &[&old, &new], "http/1.1").await;
        get_health(&mut stream).await;
        if presented(&stream) == *new.cert.der() {
            break;
        }
        assert_eq!(presented(&stream), *old.cert.der());
    }
    get_health(&mut before).await;
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_waits_for_no_handshake() {
    let server = listen(&Scripted::new("demo"), &Files::of(&pair())).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    drop(stream);
}

#[test]
fn files_that_cannot_be_used_are_refused_with_the_reason() {
    let pair = pair();
    let files = Files::of(&pair);
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    files.write(&certificate, &KeyPair::generate().unwrap().serialize_pem());
    insta::assert_snapshot!(files.refusal(), @"the TLS key /server.key does not belong to the first certificate in /server.pem: the server's own has to come first, and both files have to be of the same issue");
    files.write(&certificate, &certificate);
    insta::assert_snapshot!(files.refusal(), @"the TLS key /server.key holds no private key: it has to have a block that begins with -----BEGIN PRIVATE KEY-----, or with BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY");
    files.write(&key, &key);
    insta::assert_snapshot!(files.refusal(), @"the TLS certificate /server.pem holds no certificate: it has to have a block that begins with -----BEGIN CERTIFICATE-----, and after it those of the authorities between");
    files.write(&certificate[..certificate.len() - 30], &key);
    insta::assert_snapshot!(files.refusal(), @"the TLS certificate /server.pem is not whole PEM: a block has no line -----END CERTIFICATE-----");
    files.write(&certificate, &key.replace("PRIVATE", "ENCRYPTED PRIVATE"));
    insta::assert_snapshot!(files.refusal(), @"the TLS key /server.key is encrypted, and a server has nobody to ask for its password; decrypt it with: openssl pkey -in KEY -out DECRYPTED");
    let nonsense = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    files.write(nonsense, &key);
    insta::assert_snapshot!(files.refusal(), @"the TLS certificate /server.pem with the key /server.key cannot be used: invalid peer certificate: BadEncoding");
    std::fs::remove_file(files.key()).unwrap();
    insta::assert_snapshot!(files.refusal(), @"the TLS key /server.key cannot be read: entity not found");
}

#[tokio::test]
async fn an_expired_certificate_is_used_with_a_warning() {
    let signing_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2001, 2, 3);
    let cert = params.self_signed(&signing_key).unwrap();
    Files::of(&CertifiedKey { cert, signing_key }).open().unwrap();
}
