//! A histogram with two readers: Prometheus, which comes for it, and the collector, to which it is sent.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram as Scraped;
use prometheus_client::registry::Registry;

/// The labels, under the names that OpenTelemetry has for them.
pub(crate) trait Attributes {
    fn attributes(&self) -> Vec<KeyValue>;
}

/// What it is called on both sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) scraped: &'static str,
    pub(crate) sent: &'static str,
    /// In UCUM: `s`, `{token}`.
    pub(crate) unit: &'static str,
    pub(crate) help: &'static str,
    /// Where the buckets end that the collector gets.
    pub(crate) buckets: &'static [f64],
}

/// One observation moves both.
#[derive(Debug)]
pub(crate) struct Histogram<Labels> {
    named: Named,
    scraped: Family<Labels, Scraped, fn() -> Scraped>,
    /// `None` where there is no collector.
    sent: Option<opentelemetry::metrics::Histogram<f64>>,
}

impl<Labels> Histogram<Labels>
where
    Labels: Attributes + EncodeLabelSet + Clone + std::hash::Hash + Eq + std::fmt::Debug + Send + Sync + 'static,
{
    /// `scraped` makes one with the buckets that Prometheus gets.
    pub(crate) fn new(named: Named, scraped: fn() -> Scraped) -> Self {
        Self { named, scraped: Family::new_with_constructor(scraped), sent: None }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(self.named.scraped, self.named.help, self.scraped.clone());
    }

    pub(crate) fn send(&mut self, meter: &Meter) {
        let Named { scraped: _, sent, unit, help, buckets } = self.named;
        let builder = meter.f64_histogram(sent).with_unit(unit).with_description(help);
        self.sent = Some(builder.with_boundaries(buckets.to_vec()).build());
    }

    pub(crate) fn observe(&self, labels: &Labels, value: f64) {
        self.observe_as(labels, labels, value);
    }

    /// With other labels for the collector than for Prometheus, where the two have other customs.
    pub(crate) fn observe_as(&self, scraped: &Labels, sent: &impl Attributes, value: f64) {
        self.scraped.get_or_create(scraped).observe(value);
        if let Some(histogram) = &self.sent {
            histogram.record(value, &sent.attributes());
        }
    }
}
