//! The document of the built server against what it answers.

use std::path::Path;

use super::clients::BASE_URL;
use super::python;
use super::tally::Tally;

const OPENAPI: &str = "openapi";

/// Asks a server that is ready.
pub(super) fn run(root: &Path, base_url: &str, tally: &mut Tally) {
    match python::prepare(root, OPENAPI) {
        Ok(python) => {
            let mut command = python::command(root, &python, OPENAPI);
            command.arg("run.py").env(BASE_URL, base_url);
            tally.check("every answer is a documented one (schemathesis)", command);
        }
        Err(error) => tally.leave_out(format!("schemathesis: {error:#}")),
    }
}
