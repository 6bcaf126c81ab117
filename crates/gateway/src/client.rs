//! One request to one server, and the head of its answer.

use std::time::Duration;

use backend::{Hop, Hops};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT, VIA};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use openai::problem::Said;
use tokio::time::timeout;

use crate::connection::Connector;
use crate::failure::{Failure, LONGEST_RETRY_AFTER};
use crate::settings::UpstreamSettings;

/// Bytes of a refusal's body. More says no more.
const MOST_OF_REFUSAL: usize = 64 * 1024;
/// How long a refusal's body may take, once its head is there.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);
/// Shorter than servers keep idle connections open (uvicorn: 5 s), so that few requests meet one that is just being closed.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// Connections that are kept between requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    connections: legacy::Client<Connector, Full<Bytes>>,
    /// As whom it asks.
    hop: Hop,
}

impl Client {
    pub(crate) fn new(connector: Connector, hop: Hop) -> Self {
        let connections = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEEP_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(connector);
        Self { connections, hop }
    }

    /// The answer of a server that has begun one. Dropping the future, or the answer's body, ends the request: over HTTP/1.1 the
    /// connection is closed.
    pub(crate) async fn post(
        &self,
        upstream: &UpstreamSettings,
        route: &str,
        body: Bytes,
        accept: &'static str,
        hops: &Hops,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = self.request(Method::POST, upstream, route, body, hops);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let response = self.connections.request(request).await.map_err(|error| failed(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    pub(crate) async fn get(&self, upstream: &UpstreamSettings, route: &str) -> Result<Response<Incoming>, Failure> {
        let request = self.request(Method::GET, upstream, route, Bytes::new(), &Hops::default());
        self.connections.request(request).await.map_err(|error| failed(&error))
    }

    /// Everything that a server gets to see: no header of the client's is among it, but for the gateways that the request has come
    /// through.
    fn request(
        &self,
        method: Method,
        upstream: &UpstreamSettings,
        route: &str,
        body: Bytes,
        hops: &Hops,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = upstream.address.of(route);
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("llm-inference-api/", env!("CARGO_PKG_VERSION"))));
        headers.extend(via(hops, self.hop).map(|via| (VIA, via)));
        if let Some(key) = upstream.api_key.as_ref().and_then(crate::ApiKey::bearer) {
            headers.insert(AUTHORIZATION, key);
        }
        telemetry::inject(headers);
        request
    }
}

/// RFC 9110, section 7.6.3: a gateway names itself in what it sends on, behind those that have sent it before.
fn via(hops: &Hops, here: Hop) -> Option<HeaderValue> {
    let names: Vec<_> = hops.iter().chain([here]).map(|hop| format!("1.1 {hop}")).collect();
    HeaderValue::try_from(names.join(", ")).ok()
}

fn failed(error: &legacy::Error) -> Failure {
    let reason = with_causes(error);
    if error.is_connect() { Failure::Unreachable(reason) } else { Failure::Broken(reason) }
}

/// What is not a success, in the server's own words as far as they can be read.
async fn refusal(response: Response<Incoming>) -> Failure {
    let (head, body) = response.into_parts();
    let body = timeout(REFUSAL_PATIENCE, Limited::new(body, MOST_OF_REFUSAL).collect()).await;
    let bytes = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let said = Said::read(&bytes);
    Failure::Status { status: head.status, said, retry_after: retry_after(&head.headers) }
}

/// Whole seconds. A date, which the header may hold too, is no longer sent by anybody who limits rates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// An error and what led to it, in a line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
