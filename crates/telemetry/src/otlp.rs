//! Traces and metrics, sent to a collector by the OpenTelemetry protocol.
//!
//! The SDK gathers spans in a bounded queue and adds up metrics; threads of its own hand them to [`sender`]. Nothing that answers a
//! request ever waits for them: if the collector is not there, what would have gone to it is dropped, and one line in the log says so.

mod collector;
mod outage;
mod sender;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderMap, Uri};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};

use self::collector::{Collector, Signal};
use self::outage::Outage;
use self::sender::Sender;
use crate::trace::Traces;

/// Which is also the name of what counts and measures.
const SCOPE: &str = env!("CARGO_PKG_NAME");

/// Spans that wait to be sent; what comes when so many wait is dropped. Both numbers, and the delay, are the specification's.
const QUEUE: usize = 2048;
const BATCH: usize = 512;
const DELAY: Duration = Duration::from_secs(5);

/// Where traces and metrics go, and in whose name.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// `http://host:port`, and for [`Protocol::HttpProtobuf`] the path below which `/v1/traces` and `/v1/metrics` are.
    pub endpoint: Uri,
    pub protocol: Protocol,
    /// Sent along with each batch; mark the values of keys as sensitive.
    pub headers: HeaderMap,
    /// `service.name` and whatever else is to be known of this process.
    pub resource: Vec<(String, String)>,
    /// How long the collector may take for one batch.
    pub timeout: Duration,
    /// How often metrics are sent.
    pub metrics_every: Duration,
}

/// How the same messages are put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    HttpProtobuf,
}

/// Sends until it is stopped.
#[derive(Debug)]
pub struct Otlp {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl Otlp {
    /// Starts the threads that send. Does not look whether the collector is there.
    pub fn start(settings: &OtlpSettings) -> io::Result<Self> {
        let attributes = settings.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let resource = Resource::builder_empty().with_attributes(attributes).build();
        let outage = Arc::new(Outage::new(settings.endpoint.to_string()));
        let sender = |signal| io::Result::Ok(Sender::new(Collector::new(settings, signal)?, Arc::clone(&outage)));

        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let spans = BatchSpanProcessor::builder(sender(Signal::Traces)?).with_batch_config(batches).build();
        let traces = SdkTracerProvider::builder()
            // Every request, unless its caller's `traceparent` says that it is not recorded.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_span_processor(spans)
            .with_resource(resource.clone())
            .build();

        let reader = PeriodicReader::builder(sender(Signal::Metrics)?).with_interval(settings.metrics_every).build();
        let metrics = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
        Ok(Self { traces, metrics })
    }

    pub fn traces(&self) -> Traces {
        Traces::new(self.traces.tracer(SCOPE))
    }

    pub fn meter(&self) -> Meter {
        self.metrics.meter(SCOPE)
    }

    /// Sends what is left, for as long as `patience` lasts; what is not sent by then is lost.
    pub fn stop(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let (stopped, stopping) = sync_channel(2);
        let Self { traces, metrics } = self;
        let ends: [Box<dyn FnOnce() + Send>; 2] =
            [Box::new(move || drop(traces.shutdown_with_timeout(patience))), Box::new(move || drop(metrics.shutdown()))];
        for end in ends {
            let stopped = stopped.clone();
            // Not joined: one that outlasts the patience ends with the process.
            thread::spawn(move || {
                end();
                let _ = stopped.send(());
            });
        }
        drop(stopped);
        while stopping.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    }
}
