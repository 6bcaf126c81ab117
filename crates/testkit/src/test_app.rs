//! A whole server, in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{App, router};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use backend::{ModelCard, Task};
use http_body_util::BodyExt;
use serde_json::Value;
use serving::{Model, Service};
use telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{Answer, Scripted};

/// Its clock stands still at the first second of 2026, and its version is `test`.
#[derive(Debug, Clone)]
pub struct TestApp {
    pub service: Service,
    app: App,
    router: Router,
}

/// A server that listens on a port of its own.
#[derive(Debug)]
pub struct Listening {
    pub address: SocketAddr,
    pub shutdown: CancellationToken,
    pub ended: JoinHandle<std::io::Result<()>>,
}

impl TestApp {
    /// Serves one model.
    pub fn new(backend: &Scripted) -> Self {
        Self::with_models(vec![Model::new(Arc::new(backend.clone()))])
    }

    pub fn with_models(models: Vec<Model>) -> Self {
        Self::with(models, serving::Settings::default(), settings())
    }

    pub fn with(models: Vec<Model>, serving: serving::Settings, api: api::Settings) -> Self {
        let metrics = Metrics::new(models.iter().map(|model| model.card().id.clone()));
        Self::serving(Service::new(models, serving, Arc::new(metrics)), api)
    }

    /// Serves what was put together elsewhere.
    pub fn serving(service: Service, api: api::Settings) -> Self {
        let app = App::new(service.clone(), api);
        Self { service, router: router(app.clone()), app }
    }

    /// The answer's head; the body is read by whoever wants it.
    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        read(self.open(request).await).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, Body::empty())).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(post(path, body.to_string())).await
    }

    /// For bodies that are not JSON, though they say so.
    pub async fn post_text(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(post(path, body)).await
    }

    /// Listens on a free port.
    pub async fn listen(&self) -> Listening {
        self.listen_on(TcpListener::bind("127.0.0.1:0").await.expect("a port is free"))
    }

    /// Where it was made for.
    pub fn listen_on(&self, listener: TcpListener) -> Listening {
        let address = listener.local_addr().expect("a listener has an address");
        let shutdown = CancellationToken::new();
        let told = shutdown.clone().cancelled_owned();
        let app = self.app.clone();
        #[expect(clippy::disallowed_methods, reason = "the test joins it, or ends and takes it along")]
        let ended = tokio::spawn(async move { api::serve(listener, app, told).await });
        Listening { address, shutdown, ended }
    }
}

/// The settings of a [`TestApp`], for a test to change.
pub fn settings() -> api::Settings {
    api::Settings { version: "test", clock: new_year, ..api::Settings::default() }
}

fn new_year() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(490_896)
}

pub fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body.into()).expect("the path is one")
}

/// A request that says that it holds JSON.
pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = request(Method::POST, path, body);
    let json = axum::http::HeaderValue::from_static("application/json");
    request.headers_mut().insert("content-type", json);
    request
}

async fn read(response: Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("the body ends well").to_bytes().to_vec();
    let status: StatusCode = head.status;
    Answer { status, headers: head.headers, body }
}

/// A model that is not there.
pub fn card(id: &str) -> ModelCard {
    ModelCard {
        id: id.into(),
        parent: None,
        owner: "testkit".into(),
        task: Task::Generate,
        created: new_year(),
        version: "3".into(),
        context_length: 2048,
        description: "a script".into(),
        size: 0,
    }
}
