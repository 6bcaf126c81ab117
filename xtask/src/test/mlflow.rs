//! The built server and a real MLflow, out of whose registry it serves; and the quick starts, one of which needs it.

use std::path::Path;
use std::process::Command;

use super::need::need;
use super::python;
use super::tally::Tally;

const MLFLOW: &str = "mlflow";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    let curl = need(Command::new("curl").arg("--version"), "curl", &["curl"]);
    let packages = curl.and_then(|()| python::prepare(root, MLFLOW));
    python::suite(root, tally, "models out of MLflow", MLFLOW, packages, |_| ());
}
