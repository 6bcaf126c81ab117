//! Who asked for what, and what came of it: a span for each request, a span for each generation in it, and the line in the log.
//!
//! A request's trace is the current one while its handler runs, so that what the handler calls finds its parent without being told.
//! Content is never part of it: no prompt, no answer, no key, no query string.

mod attributes;
mod carrier;
mod generation;
mod request;
mod sums;

pub use self::carrier::inject;
pub use self::generation::GenerationTrace;
pub use self::request::{RequestStarted, RequestTrace, answered_instead, in_current_request};

use opentelemetry_sdk::trace::SdkTracer;

/// Where spans go; nowhere, if there is no collector. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<SdkTracer>);

impl Traces {
    pub(crate) fn new(tracer: SdkTracer) -> Self {
        Self(Some(tracer))
    }
}
