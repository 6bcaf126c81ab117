//! One line in the log, one count in the metrics and one span for each request, when the answer's body has ended or was dropped.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use backend::ModelCard;
use http_body::{Frame, SizeHint};
use telemetry::{RequestEnded, RequestStarted, RequestTrace};
use tokio::time::Instant;

use super::request_id::RequestId;
use crate::App;
use crate::answer::{Error, Result, Row};
use crate::serve::Running;

/// What became of a request to a model, its refusal too: the model's id becomes a label.
#[derive(Debug)]
pub(crate) struct Answered {
    /// `None` as long as nobody knows.
    model: Option<String>,
    answer: Result<Response>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone)]
struct AnsweredBy(String);

/// In the extensions of a refusal: it was not begun, since nothing is begun here any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnedAway;

/// In the extensions of a refusal: the name of its reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused(pub(super) &'static str);

impl Answered {
    pub(crate) fn by(model: &ModelCard, answer: Result<Response>) -> Self {
        Self { model: Some(model.id.clone()), answer, header: None }
    }

    /// The beginning of an answer, before it is known who gives it, if anybody does.
    pub(crate) fn later(mut answer: Response, later: Later) -> Self {
        answer.extensions_mut().insert(later);
        Self { model: None, answer: Ok(answer), header: None }
    }

    /// The same, with this header if it is not refused.
    pub(crate) fn with(self, header: Option<(HeaderName, HeaderValue)>) -> Self {
        Self { header, ..self }
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.answer.is_err()
    }

    /// The same, with a body that is made of the model's name and the body, if it is not refused.
    pub(crate) fn seen(self, see: impl FnOnce(&str, Body) -> Body) -> Self {
        let Self { model, answer, header } = self;
        let answer = answer.map(|response| match &model {
            Some(model) => response.map(|body| see(model, body)),
            None => response,
        });
        Self { model, answer, header }
    }

    /// It is refused because the model cannot answer now: another one might.
    pub(crate) fn is_its_models(&self) -> bool {
        matches!(&self.answer, Err(Error::Backend(error)) if error.is_its_models())
    }
}

/// Who has answered a request whose answer began before that was known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Later(Arc<OnceLock<Option<String>>>);

impl Later {
    /// The rest of the answer, of which it is noted whose it is.
    pub(crate) fn answer(&self, answered: Result<Answered>) -> Result<Response> {
        let Answered { model, answer, .. } = answered?;
        let _ = self.0.set(model);
        answer
    }
}

/// Why a stream ended in an error, which nobody knows before its head is out.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrokenOff(Arc<OnceLock<Row>>);

impl BrokenOff {
    pub(crate) fn by(&self, error: &Error) {
        let _ = self.0.set(error.row());
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let mut response = match (self.answer, self.header) {
            (Ok(mut response), Some((name, value))) => {
                response.headers_mut().insert(name, value);
                response
            }
            (answer, _) => answer.into_response(),
        };
        if let Some(model) = self.model {
            response.extensions_mut().insert(AnsweredBy(model));
        }
        response
    }
}

pub(super) async fn observe(app: &App, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let mut observation = Observation::start(app.clone(), &request);
    let response = observation.trace.within(next(request)).await;
    observation.see(&response);
    observation.gives();
    let trace = observation.trace.response_header();
    let mut response = response.map(|body| Body::new(Observed { body, observation }));
    if let Some(trace) = trace {
        response.headers_mut().insert(TRACE_RESPONSE, trace);
    }
    response
}

/// How a caller that sent no `traceparent` learns which trace to look up
/// (<https://w3c.github.io/trace-context/#traceresponse-header>).
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Asked every few seconds by machines.
const PROBES: [&str; 4] = ["/health", "/health/live", "/health/ready", "/metrics"];

/// Tells what it saw when it is dropped: a request whose handler was dropped has no status, and 499 is what proxies call
/// that.
struct Observation {
    app: App,
    trace: RequestTrace,
    method: String,
    route: String,
    started: Instant,
    status: u16,
    model: Option<String>,
    error: Option<&'static str>,
    turned_away: bool,
    later: Option<Later>,
    broken_off: Option<BrokenOff>,
    bytes: usize,
    /// The answer's body ran to its end.
    complete: bool,
    /// Until this is gone, the connection is not idle.
    running: Option<Running>,
}

/// The client closed the connection before there was a status.
const CLIENT_GONE: u16 = 499;

impl Observation {
    fn start(app: App, request: &Request) -> Self {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
        let method = request.method().to_string();
        let trace = app.settings.traces.request(&RequestStarted {
            id: extensions.get::<RequestId>().map_or("", |id| id.0.as_str()),
            method: &method,
            route: &route,
            probe: PROBES.contains(&route.as_str()),
            headers: request.headers(),
        });
        Self {
            app,
            trace,
            method,
            route,
            started: Instant::now(),
            status: CLIENT_GONE,
            model: None,
            error: None,
            turned_away: false,
            later: None,
            broken_off: None,
            bytes: 0,
            complete: false,
            running: extensions.get::<Running>().cloned(),
        }
    }

    fn see(&mut self, response: &Response) {
        self.status = response.status().as_u16();
        self.model = response.extensions().get::<AnsweredBy>().map(|by| by.0.clone());
        self.error = response.extensions().get::<Refused>().map(|refused| refused.0);
        self.turned_away = response.extensions().get::<TurnedAway>().is_some();
        self.later = response.extensions().get::<Later>().cloned();
        self.broken_off = response.extensions().get::<BrokenOff>().cloned();
        // Nobody reads a body in which there is nothing, nor one that is left out.
        self.complete = response.body().is_end_stream() || self.method == "HEAD";
    }

    /// Counted is the status that it would have had, had the client been let wait for it: a fault is one however late it comes.
    fn see_later(&mut self) {
        if let Some(model) = self.later.as_ref().and_then(|later| later.0.get()) {
            self.model.clone_from(model);
        }
        if let Some(row) = self.broken_off.as_ref().and_then(|broken_off| broken_off.0.get()) {
            (self.status, self.error) = (row.status.as_u16(), Some(row.name));
        }
    }

    fn gives(&self) {
        if let Some(running) = &self.running {
            running.gives();
        }
    }

    fn owes(&self) {
        if let Some(running) = &self.running {
            running.owes();
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.see_later();
        let model = self.model.take().or_else(|| self.trace.model());
        let ended = RequestEnded {
            method: &self.method,
            route: &self.route,
            status: self.status,
            model: model.as_deref(),
            took: self.started.elapsed(),
            bytes: self.bytes,
            error: self.error,
            complete: self.complete,
        };
        if self.turned_away {
            self.app.service.metrics().refused_to_drain();
        } else {
            self.app.service.metrics().request_ended(&ended);
        }
        self.trace.ended(&ended);
    }
}

/// A body that is watched; it is made as part of the request, as its head was. The body goes first: what was generated is known when
/// the observation tells.
struct Observed {
    body: Body,
    observation: Observation,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, observation } = &mut *self;
        let frame = observation.trace.enter(|| Pin::new(&mut *body).poll_frame(context));
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                observation.bytes += frame.data_ref().map_or(0, Bytes::len);
                observation.gives();
            }
            Poll::Ready(None) => observation.complete = true,
            Poll::Ready(Some(Err(_))) => observation.error = Some(Error::Panic.row().name),
            Poll::Pending => observation.owes(),
        }
        // The last frame of a body of known length is its end: nobody asks for another.
        observation.complete |= body.is_end_stream();
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
