//! One call to the collector: a connection, a message, an answer, within a time limit.
//!
//! Two unary calls do not need a gRPC library: one message after a head of five bytes over HTTP/2, and a status in the trailers
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). OTLP over HTTP is the same message as a plain body.

use std::io;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, TE};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{OtlpSettings, Protocol};

/// More is no answer of a collector.
const MOST_OF_ANSWER: usize = 64 * 1024;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}

/// Why a batch did not arrive.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("it cannot be reached: {0}")]
    Connect(#[source] io::Error),
    #[error("the connection failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("it did not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    #[error("it answered with HTTP status {0}")]
    Status(StatusCode),
    #[error("it answered with gRPC status {0}")]
    GrpcStatus(String),
    #[error("its answer is none")]
    Nonsense,
}

/// Where one signal is sent. Each batch has a connection of its own: there is one in seconds, and none that could go stale between two.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) signal: Signal,
    protocol: Protocol,
    authority: Authority,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
    /// Its own, so that sending depends on no thread that answers requests, and can outlast them.
    runtime: Runtime,
}

impl Collector {
    pub(super) fn new(settings: &OtlpSettings, signal: Signal) -> io::Result<Self> {
        let OtlpSettings { endpoint, protocol, headers, timeout, resource: _, metrics_every: _ } = settings;
        let invalid = |error: http::Error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let authority = endpoint.authority().cloned().ok_or(io::ErrorKind::InvalidInput)?;
        let base = endpoint.path().trim_end_matches('/');
        let path = match protocol {
            Protocol::Grpc => format!("{base}{}", signal.method()),
            Protocol::HttpProtobuf => format!("{base}/v1/{}", signal.name()),
        };
        let path = PathAndQuery::try_from(path).map_err(|error| invalid(error.into()))?;
        let uri = match protocol {
            // HTTP/2 asks for the whole address, HTTP/1.1 for the path.
            Protocol::Grpc => {
                Uri::builder().scheme("http").authority(authority.clone()).path_and_query(path).build().map_err(invalid)?
            }
            Protocol::HttpProtobuf => Uri::from(path),
        };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { signal, protocol: *protocol, authority, uri, headers: headers.clone(), timeout: *timeout, runtime })
    }

    /// Blocks the calling thread, which belongs to the SDK.
    pub(super) fn send(&self, message: &impl Message) -> Result<(), Error> {
        let call = async { timeout(self.timeout, self.call(message)).await };
        self.runtime.block_on(call).unwrap_or(Err(Error::Timeout(self.timeout)))
    }

    async fn call(&self, message: &impl Message) -> Result<(), Error> {
        let port = self.authority.port_u16().unwrap_or(80);
        let host = self.authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, port)).await.map_err(Error::Connect)?;
        let io = TokioIo::new(stream);
        match self.protocol {
            Protocol::Grpc => {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                let answer = sender.send_request(self.request(framed(message), "application/grpc"));
                alongside(connection, async { check_grpc(answer.await?).await }).await
            }
            Protocol::HttpProtobuf => {
                let (mut sender, connection) = http1::handshake(io).await?;
                let request = self.request(message.encode_to_vec().into(), "application/x-protobuf");
                let answer = sender.send_request(request);
                alongside(connection, async { check_http(&answer.await?) }).await
            }
        }
    }

    fn request(&self, body: Bytes, content_type: &'static str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        match self.protocol {
            Protocol::Grpc => headers.insert(TE, HeaderValue::from_static("trailers")),
            // An authority holds what a header may.
            Protocol::HttpProtobuf => {
                HeaderValue::from_str(self.authority.as_str()).ok().and_then(|host| headers.insert(HOST, host))
            }
        };
        request
    }
}

/// Drives the connection for as long as the answer takes, and then drops it.
async fn alongside<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // It ended first: what was received by then decides.
        ended = connection => { ended?; answer.await }
    }
}

/// A byte that says "not compressed", the length, the message.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(5 + length);
    frame.put_u8(0);
    frame.put_u32(length as u32);
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

async fn check_grpc(answer: Response<Incoming>) -> Result<(), Error> {
    check_http(&answer)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MOST_OF_ANSWER).collect().await.map_err(|_| Error::Nonsense)?;
    // A refusal without any message has its status in the head.
    let status = body.trailers().and_then(|trailers| trailers.get("grpc-status")).or(head.headers.get("grpc-status"));
    match status.map(HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        Some(status) => Err(Error::GrpcStatus(String::from_utf8_lossy(status).into_owned())),
        None => Err(Error::Nonsense),
    }
}

fn check_http(answer: &Response<Incoming>) -> Result<(), Error> {
    if answer.status().is_success() { Ok(()) } else { Err(Error::Status(answer.status())) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

    use super::*;

    fn collector(endpoint: &str, timeout: Duration) -> Collector {
        let settings = OtlpSettings {
            endpoint: endpoint.parse().unwrap(),
            protocol: Protocol::HttpProtobuf,
            headers: HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("its-key"))]),
            resource: Vec::new(),
            timeout,
            metrics_every: Duration::from_mins(1),
        };
        Collector::new(&settings, Signal::Traces).unwrap()
    }

    /// Sends nothing to somebody who answers like this; what was asked, and what came of it.
    fn exchange(answer: &'static [u8]) -> (String, Result<(), Error>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = collector(&format!("http://{}/base/", listener.local_addr().unwrap()), Duration::from_mins(1));
        let answering = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            connection.write_all(answer).unwrap();
            String::from_utf8(asked).unwrap()
        });
        let outcome = collector.send(&ExportTraceServiceRequest::default());
        (answering.join().unwrap(), outcome)
    }

    #[test]
    fn a_batch_over_http_is_posted_below_the_endpoints_path() {
        let (asked, outcome) = exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert!(outcome.is_ok(), "{outcome:?}");
        assert!(asked.starts_with("POST /base/v1/traces HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains("content-type: application/x-protobuf") && asked.contains("authorization: its-key"),
            "{asked}"
        );
    }

    #[test]
    fn a_refusal_is_an_error() {
        let (_, outcome) = exchange(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        assert!(matches!(outcome, Err(Error::Status(StatusCode::SERVICE_UNAVAILABLE))), "{outcome:?}");
    }

    #[test]
    fn nobody_there_is_an_error() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let outcome =
            collector(&format!("http://{nobody}"), Duration::from_mins(1)).send(&ExportTraceServiceRequest::default());
        assert!(matches!(outcome, Err(Error::Connect(_))), "{outcome:?}");
    }

    #[test]
    fn somebody_who_never_answers_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let outcome = collector(&endpoint, Duration::from_millis(1)).send(&ExportTraceServiceRequest::default());
        assert!(matches!(outcome, Err(Error::Timeout(_))), "{outcome:?}");
    }
}
