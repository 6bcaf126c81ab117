//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): whose call this is, read from headers and written into them.

use http::header::{Entry, HeaderName};
use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACEPARENT: &str = "traceparent";

/// The caller's span, if the headers name one. Two of them name none.
pub(super) fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Received(headers))
}

/// Names the current request's span as the caller of what is sent with these headers.
pub fn inject(headers: &mut HeaderMap) {
    Context::map_current(|context| TraceContextPropagator::new().inject_context(context, &mut Sent(headers)));
}

/// What `traceresponse` says: `00-<trace>-<span>-<flags>`. Nothing if this server has no span for the request: the caller's own is no news.
pub(super) fn response(context: &Context) -> Option<HeaderValue> {
    let span = context.span();
    let span = span.span_context();
    let text = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags());
    let is_own = span.is_valid() && !span.is_remote();
    is_own.then(|| HeaderValue::try_from(text).ok()).flatten()
}

struct Received<'a>(&'a HeaderMap);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        let first = values.next()?.to_str().ok();
        first.filter(|_| key != TRACEPARENT || values.next().is_none())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Sent<'a>(&'a mut HeaderMap);

impl Injector for Sent<'_> {
    fn set(&mut self, key: &str, value: String) {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) else { return };
        if value.is_empty() {
            return;
        }
        match self.0.entry(name) {
            Entry::Occupied(mut entry) => drop(entry.insert(value)),
            Entry::Vacant(entry) => drop(entry.insert(value)),
        }
    }
}
