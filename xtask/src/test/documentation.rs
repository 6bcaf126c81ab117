//! The documentation of the built server: its pages in a browser, and its document against what it answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::clients::BASE_URL;
use super::need::need;
use super::python;
use super::tally::Tally;

const BROWSER: &str = "browser";
const OPENAPI: &str = "openapi";

/// Asks a server that is ready.
pub(super) fn run(root: &Path, base_url: &str, tally: &mut Tally) {
    match prepare_browser(root) {
        Ok(python) => {
            let mut tests = python::pytest(root, &python, BROWSER);
            tests.env(BASE_URL, base_url);
            tally.tests("the documentation pages in Chromium", tests);
        }
        Err(error) => tally.leave_out(format!("the documentation pages in Chromium: {error:#}")),
    }
    match python::prepare(root, OPENAPI) {
        Ok(python) => {
            let mut command = python::command(root, &python, OPENAPI);
            command.arg("run.py").env(BASE_URL, base_url);
            tally.check("every answer is a documented one (schemathesis)", command);
        }
        Err(error) => tally.leave_out(format!("schemathesis: {error:#}")),
    }
}

fn prepare_browser(root: &Path) -> Result<PathBuf> {
    let packages = ["chromium", "chromium-driver"];
    need(Command::new("/usr/bin/chromium").arg("--version"), "Chromium", &packages)?;
    need(Command::new("/usr/bin/chromedriver").arg("--version"), "Chromium's driver", &packages)?;
    python::prepare(root, BROWSER)
}
