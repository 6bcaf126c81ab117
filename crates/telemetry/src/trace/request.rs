//! One HTTP request, from its head to the end of its answer's body.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Instrument, Span};

use super::Traces;
use super::attributes;
use super::carrier;
use super::sums::{Sums, Tally};
use crate::{GenerationEnded, RequestEnded};

/// What is known of a request before anything is done about it.
#[derive(Debug, Clone, Copy)]
pub struct RequestStarted<'a> {
    pub id: &'a str,
    pub method: &'a str,
    /// The route's pattern, or a fixed word for an unknown path.
    pub route: &'a str,
    /// Somebody who looks whether the server lives, every few seconds: worth neither a span nor a line at `info`.
    pub probe: bool,
    pub headers: &'a HeaderMap,
}

/// Ends with [`ended`](Self::ended), which writes the one line of this request.
#[derive(Debug)]
pub struct RequestTrace {
    /// Holds the request's span, the tracer, and the [`Tally`].
    context: Context,
    tally: Arc<Tally>,
    /// Of the log: whatever is logged meanwhile carries the request's id.
    log: Span,
    started: SystemTime,
    id: String,
    probe: bool,
}

/// The future, as part of the request that runs now, for whoever hands it to a task of its own.
pub fn in_current_request<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
    future.with_current_context().in_current_span()
}

/// Another model answers in the place of those that failed: the request that runs now has not.
pub fn answered_instead() {
    if let Some(tally) = Context::current().get::<Arc<Tally>>() {
        tally.forgive();
    }
}

impl Traces {
    pub fn request(&self, request: &RequestStarted<'_>) -> RequestTrace {
        let RequestStarted { id, method, route, probe, headers } = *request;
        let started = SystemTime::now();
        let mut context = carrier::extract(headers);
        if let Some(tracer) = self.0.as_ref().filter(|_| !probe) {
            let span = SpanBuilder::from_name(attributes::request_name(method, route))
                .with_kind(SpanKind::Server)
                .with_start_time(started)
                .with_attributes(attributes::request_started(request));
            let span = tracer.build_with_context(span, &context);
            context = context.with_span(span).with_value(CurrentTracer(tracer.clone()));
        }
        let tally = Arc::new(Tally::default());
        let context = context.with_value(Arc::clone(&tally));
        let log = tracing::info_span!("request", request_id = id, trace_id = trace_id(&context), method, route);
        RequestTrace { context, tally, log, started, id: id.to_owned(), probe }
    }
}

/// The tracer of the request that runs.
#[derive(Debug)]
pub(super) struct CurrentTracer(pub(super) SdkTracer);

impl RequestTrace {
    /// The future, as part of this request.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.with_context(self.context.clone()).instrument(self.log.clone())
    }

    /// Does something as part of this request.
    pub fn enter<T>(&self, act: impl FnOnce() -> T) -> T {
        let _context = self.context.clone().attach();
        self.log.in_scope(act)
    }

    /// For the answer's `traceresponse`: what the caller can look this request up by.
    pub fn response_header(&self) -> Option<HeaderValue> {
        carrier::response(&self.context)
    }

    /// The model that was asked last, also where there is no answer that names it: the client may have gone before there was one.
    pub fn model(&self) -> Option<String> {
        self.tally.sums().model
    }

    /// To be called once, when the answer's body has ended or was dropped.
    pub fn ended(&self, request: &RequestEnded<'_>) {
        let sums = self.tally.sums();
        let error = request.error.or(sums.error).or(request.cut_off());
        self.log_line(request, &sums, error);
        let span = self.context.span();
        if span.is_recording() {
            span.set_attributes(attributes::request_ended(request, error));
            let ours = error.filter(|error| *error != GenerationEnded::CLIENT_GONE && !(400..500).contains(&request.status));
            if let Some(error) = ours {
                span.set_status(Status::error(error));
            }
            span.end_with_timestamp(self.started + request.took);
        }
    }

    /// Named as OpenTelemetry's conventions name the attributes, where they do; durations are seconds.
    fn log_line(&self, request: &RequestEnded<'_>, sums: &Sums, error: Option<&str>) {
        let RequestEnded { method, route, status, model, took, bytes, error: _, complete: _ } = *request;
        let generated = sums.generations > 0;
        // A macro's level is a constant of its place.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    parent: None,
                    http.request.method = method,
                    http.route = route,
                    http.response.status_code = status,
                    http.response.body.size = bytes,
                    duration = seconds(took),
                    error.type = error,
                    gen_ai.request.model = model,
                    gen_ai.usage.input_tokens = generated.then_some(sums.input_tokens),
                    gen_ai.usage.output_tokens = generated.then_some(sums.output_tokens),
                    time_to_first_token = sums.to_first_token.map(seconds),
                    request_id = self.id,
                    trace_id = trace_id(&self.context),
                    "answered"
                )
            };
        }
        if self.probe { line!(debug) } else { line!(info) }
    }
}

impl RequestEnded<'_> {
    fn cut_off(&self) -> Option<&'static str> {
        (!self.complete).then_some(GenerationEnded::CLIENT_GONE)
    }
}

/// To the microsecond: more digits say nothing.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

fn trace_id(context: &Context) -> Option<String> {
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}
