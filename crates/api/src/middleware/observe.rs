//! One line in the log and one count in the metrics for each request, when the answer's body has ended or was dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend::ModelCard;
use http_body::{Frame, SizeHint};
use telemetry::RequestEnded;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::request_id::RequestId;
use crate::App;
use crate::answer::Result;

/// What became of a request to a model, its refusal too: the model's id becomes a label.
#[derive(Debug)]
pub(crate) struct Answered {
    model: String,
    answer: Result<Response>,
}

#[derive(Debug, Clone)]
struct AnsweredBy(String);

impl Answered {
    pub(crate) fn by(model: &ModelCard, answer: Result<Response>) -> Self {
        Self { model: model.id.clone(), answer }
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        response.extensions_mut().insert(AnsweredBy(self.model));
        response
    }
}

pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut observation = Observation::start(app, &request);
    let response = next.run(request).instrument(observation.span.clone()).await;
    observation.status = response.status().as_u16();
    observation.model = response.extensions().get::<AnsweredBy>().map(|by| by.0.clone());
    response.map(|body| Body::new(Observed { body, observation }))
}

/// Tells what it saw when it is dropped: a request whose handler was dropped has no status, and 499 is what proxies call
/// that.
struct Observation {
    app: App,
    method: String,
    route: String,
    started: Instant,
    status: u16,
    model: Option<String>,
    bytes: usize,
    /// The answer's body ran to its end.
    complete: bool,
    span: Span,
}

/// The client closed the connection before there was a status.
const CLIENT_GONE: u16 = 499;

impl Observation {
    fn start(app: App, request: &Request) -> Self {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
        let id = extensions.get::<RequestId>().map_or("", |id| id.0.as_str());
        let method = request.method().to_string();
        let span = tracing::info_span!("request", request_id = id, method, route);
        Self {
            app,
            method,
            route,
            started: Instant::now(),
            status: CLIENT_GONE,
            model: None,
            bytes: 0,
            complete: false,
            span,
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        let _entered = self.span.enter();
        tracing::info!(
            status = self.status,
            model = self.model,
            bytes = self.bytes,
            complete = self.complete,
            milliseconds = took.as_millis() as u64,
            "answered"
        );
        self.app.service.metrics().request_ended(&RequestEnded {
            method: &self.method,
            route: &self.route,
            status: self.status,
            model: self.model.as_deref(),
            took,
        });
    }
}

/// A body that is watched; it is made inside the request's span, as its head was.
struct Observed {
    body: Body,
    observation: Observation,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let _entered = this.observation.span.enter();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => this.observation.bytes += frame.data_ref().map_or(0, Bytes::len),
            Poll::Ready(None) => this.observation.complete = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        // The last frame of a body of known length is its end: nobody asks for another.
        this.observation.complete |= this.body.is_end_stream();
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
