//! Where this process sends its traces and metrics, as the settings say.

use std::time::Duration;

use anyhow::{Context, Result};
use telemetry::{Otlp, OtlpSettings};
use uuid::Uuid;

use crate::settings::types::{Origin, TelemetrySettings};

/// Both are OpenTelemetry's defaults.
const TIMEOUT: Duration = Duration::from_secs(10);
const METRICS_EVERY: Duration = Duration::from_mins(1);

/// How long the last batch may delay the end of the process.
const LAST_BATCH: Duration = Duration::from_secs(2);

/// `None` if nothing is to be sent.
pub(crate) fn start(settings: &TelemetrySettings) -> Result<Option<Otlp>> {
    let TelemetrySettings { service_name: _, endpoint, protocol, headers, attributes: _, disabled } = settings;
    let Some(endpoint) = endpoint.value.0.clone().filter(|_| !disabled.value) else { return Ok(None) };
    let settings = OtlpSettings {
        endpoint,
        protocol: protocol.value,
        headers: headers.value.headers.clone(),
        resource: resource(settings),
        timeout: TIMEOUT,
        metrics_every: METRICS_EVERY,
    };
    Otlp::start(&settings).map(Some).context("traces and metrics cannot be sent")
}

pub(crate) fn stop(otlp: Option<Otlp>) {
    if let Some(otlp) = otlp {
        otlp.stop(LAST_BATCH);
    }
}

/// Who this process is. Replicas have an instance each: their metrics would be taken for one another's.
fn resource(settings: &TelemetrySettings) -> Vec<(String, String)> {
    let mut resource = settings.attributes.value.0.clone();
    let has = |resource: &[(String, String)], name: &str| resource.iter().any(|(other, _)| other == name);
    // A name that somebody has set goes before one among the attributes, and that before the default.
    if settings.service_name.origin != Origin::Default || !has(&resource, "service.name") {
        resource.retain(|(name, _)| name != "service.name");
        resource.push(("service.name".into(), settings.service_name.value.clone()));
    }
    for (name, value) in
        [("service.version", env!("CARGO_PKG_VERSION").to_owned()), ("service.instance.id", Uuid::new_v4().to_string())]
    {
        if !has(&resource, name) {
            resource.push((name.into(), value));
        }
    }
    resource
}
