//! The built server and a real MLflow, out of whose registry it serves; and the quick starts, one of which needs it.

use std::path::Path;
use std::process::Command;

use super::need::need;
use super::tally::Tally;
use super::{heading, python};
use crate::server;

const MLFLOW: &str = "mlflow";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    let curl = need(Command::new("curl").arg("--version"), "curl", &["curl"]);
    match curl.and_then(|()| python::prepare(root, MLFLOW)) {
        Ok(python) => tally.tests("models out of MLflow", tests(root, &python)),
        Err(error) => {
            heading("models out of MLflow");
            tally.leave_out(format!("models out of MLflow: {error:#}"));
        }
    }
}

fn tests(root: &Path, python: &Path) -> Command {
    let mut command = python::pytest(root, python, MLFLOW);
    command.env("LLM_TEST_BINARY", server::binary(root));
    command
}
