//! The built server and a real OpenTelemetry collector.

use std::path::Path;
use std::process::Command;

use super::tally::Tally;
use super::{clients, heading, python};
use crate::server;

/// The collector comes with the clients' Python packages.
pub(super) fn run(root: &Path, tally: &mut Tally) {
    match python::prepare(root, clients::PYTHON) {
        Ok(python) => tally.tests("an OpenTelemetry collector", tests(root, &python)),
        Err(error) => {
            heading("an OpenTelemetry collector");
            tally.leave_out(format!("an OpenTelemetry collector: {error:#}"));
        }
    }
}

fn tests(root: &Path, python: &Path) -> Command {
    let mut command = python::pytest(root, python, "telemetry");
    command.env("LLM_TEST_BINARY", server::binary(root));
    command
}
