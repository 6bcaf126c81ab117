//! The built server and a real OpenTelemetry collector.

use std::path::Path;
use std::process::Command;

use super::tally::Tally;
use super::{clients, heading};
use crate::server;

/// The collector comes with the clients' Python packages.
pub(super) fn run(root: &Path, tally: &mut Tally) {
    match clients::prepare_python(root) {
        Ok(python) => tally.tests("an OpenTelemetry collector", tests(root, &python)),
        Err(error) => {
            heading("an OpenTelemetry collector");
            tally.leave_out(format!("an OpenTelemetry collector: {error:#}"));
        }
    }
}

fn tests(root: &Path, python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("LLM_TEST_BINARY", server::binary(root)).current_dir(root.join("tests/telemetry"));
    command
}
