//! Numbers of the servers that models run on, read at the moment of a scrape. There are as many labels as servers in the settings.

use backend::{BreakerState, UpstreamReading};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Reading;
use crate::measured::Measured;
use crate::reading::FloatGauge;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    model: String,
    /// An address.
    upstream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    model: String,
    upstream: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    model: String,
}

#[derive(Debug, Default)]
pub(crate) struct UpstreamMetrics {
    queued: Family<QueueLabels, Gauge>,
    usable: Family<UpstreamLabels, Gauge>,
    breaker: Family<UpstreamLabels, Gauge>,
    in_flight: Family<UpstreamLabels, Gauge>,
    requests: Family<UpstreamLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    without_usage: Family<UpstreamLabels, Counter>,
    first_byte: Family<UpstreamLabels, Measured>,
    latency: Family<UpstreamLabels, FloatGauge>,
}

impl UpstreamMetrics {
    pub(crate) fn set(&self, reading: &Reading) {
        if !reading.upstreams.is_empty() {
            let labels = QueueLabels { model: reading.model.clone() };
            self.queued.get_or_create(&labels).set(i64::from(reading.activity.waiting));
        }
        for upstream in &reading.upstreams {
            self.set_one(&reading.model, upstream);
        }
    }

    fn set_one(&self, model: &str, reading: &UpstreamReading) {
        let UpstreamReading {
            address,
            usable,
            breaker,
            in_flight,
            requests,
            failures,
            beginnings,
            latency_seconds,
            without_usage,
        } = reading;
        let labels = UpstreamLabels { model: model.to_owned(), upstream: address.clone() };
        let breaker = match breaker {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        self.usable.get_or_create(&labels).set((*usable).into());
        self.breaker.get_or_create(&labels).set(breaker);
        self.in_flight.get_or_create(&labels).set(i64::from(*in_flight));
        self.requests.get_or_create(&labels).inc_by(*requests);
        self.without_usage.get_or_create(&labels).inc_by(*without_usage);
        self.first_byte.get_or_create(&labels).set(beginnings);
        self.latency.get_or_create(&labels).set(*latency_seconds);
        for (kind, count) in failures {
            let labels = FailureLabels { model: model.to_owned(), upstream: address.clone(), kind };
            self.failures.get_or_create(&labels).inc_by(*count);
        }
    }

    pub(crate) fn register(self, registry: &mut Registry) {
        registry.register("gateway_queue_depth", "Requests waiting for a server to have room", self.queued);
        registry.register("gateway_upstream_usable", "1 if requests are sent to the server, else 0", self.usable);
        registry.register(
            "gateway_upstream_breaker_state",
            "0: closed; 1: half open, one request is seeing; 2: open, left alone",
            self.breaker,
        );
        registry.register("gateway_upstream_in_flight", "Requests that the server is answering", self.in_flight);
        registry.register("gateway_upstream_requests", "Requests sent to the server, retries included", self.requests);
        registry.register("gateway_upstream_failures", "Requests that failed there, by kind", self.failures);
        registry.register(
            "gateway_upstream_without_usage",
            "Answers whose tokens were counted here, because the server did not tell",
            self.without_usage,
        );
        registry.register("gateway_upstream_first_byte_seconds", "Time to the beginning of an answer", self.first_byte);
        registry.register(
            "gateway_upstream_latency_seconds",
            "Time to the beginning of an answer, lately: what the balance goes by",
            self.latency,
        );
    }
}
