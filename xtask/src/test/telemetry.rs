//! The built server and a real OpenTelemetry collector.

use std::path::Path;

use super::tally::Tally;
use super::{clients, python};

/// The collector comes with the clients' Python packages.
pub(super) fn run(root: &Path, tally: &mut Tally) {
    let packages = python::prepare(root, clients::PYTHON);
    python::suite(root, tally, "an OpenTelemetry collector", "telemetry", packages, |_| ());
}
