//! A histogram that somebody else has kept, as it is at the moment of a scrape.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use backend::Durations;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::TypedMetric;

#[derive(Debug, Default)]
pub(crate) struct Measured(Mutex<Durations>);

impl Measured {
    pub(crate) fn set(&self, durations: &Durations) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(durations);
    }
}

impl TypedMetric for Measured {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Measured {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let durations = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        encoder.encode_histogram::<NoLabelSet>(durations.seconds, durations.count(), &durations.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
