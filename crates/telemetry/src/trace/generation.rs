//! One answer of one model, as part of a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend::Generation;
use opentelemetry::Context;
use opentelemetry::trace::{Event, Span, SpanBuilder, SpanKind, Status, Tracer};

use super::attributes::{self, Asked};
use super::request::CurrentTracer;
use super::sums::Tally;
use crate::GenerationEnded;

/// Belongs to the request that was current when it was started; outside of any it does nothing.
#[derive(Debug)]
pub struct GenerationTrace {
    request: Context,
    started: SystemTime,
    asked: Option<Asked>,
    admitted: Option<Duration>,
}

impl GenerationTrace {
    pub fn start() -> Self {
        Self { request: Context::current(), started: SystemTime::now(), asked: None, admitted: None }
    }

    /// What is asked of the model, defaults filled in.
    pub fn asked(&mut self, generation: &Generation) {
        if self.request.get::<CurrentTracer>().is_some() {
            self.asked = Some(Asked::of(generation));
        }
    }

    /// Its wait in the queue is over, so long after its start.
    pub fn admitted(&mut self, after: Duration) {
        self.admitted.get_or_insert(after);
    }

    /// To be called once, whatever the end.
    pub fn ended(&self, generation: &GenerationEnded<'_>) {
        if let Some(tally) = self.request.get::<Arc<Tally>>() {
            tally.add(generation);
        }
        let Some(CurrentTracer(tracer)) = self.request.get() else { return };
        let at = |after: Duration| self.started + after;
        let event = |name, after: Option<Duration>| after.map(|after| Event::new(name, at(after), Vec::new(), 0));
        let moments = [event("admitted", self.admitted), event("first token", generation.to_first_token)];
        let span = SpanBuilder::from_name(format!("{} {}", generation.operation.as_str(), generation.model))
            .with_kind(SpanKind::Internal)
            .with_start_time(self.started)
            .with_attributes(attributes::generation(generation, self.asked.as_ref()))
            .with_events(moments.into_iter().flatten().collect());
        let mut span = tracer.build_with_context(span, &self.request);
        if let Some(error) = generation.error.filter(|error| *error != GenerationEnded::CLIENT_GONE) {
            span.set_status(Status::error(error));
        }
        span.end_with_timestamp(at(generation.took));
    }
}
