//! What the SDK hands its batches to.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;

use super::collector::Collector;
use super::outage::Outage;

/// Sends one signal. A batch that does not arrive is dropped: the next one is the next attempt.
#[derive(Debug)]
pub(super) struct Sender {
    collector: Collector,
    outage: Arc<Outage>,
    resource: ResourceAttributesWithSchema,
}

impl Sender {
    pub(super) fn new(collector: Collector, outage: Arc<Outage>) -> Self {
        Self { collector, outage, resource: ResourceAttributesWithSchema::default() }
    }

    fn send(&self, message: &impl Message) -> OTelSdkResult {
        let outcome = self.collector.send(message);
        self.outage.note(self.collector.signal, &outcome);
        outcome.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

impl SpanExporter for Sender {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        self.send(&ExportTraceServiceRequest { resource_spans })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

impl PushMetricExporter for Sender {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.send(&ExportMetricsServiceRequest::from(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
