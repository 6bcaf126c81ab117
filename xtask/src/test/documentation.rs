//! The documentation of the built server: its pages in a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::clients::BASE_URL;
use super::need::need;
use super::python;
use super::tally::Tally;

const BROWSER: &str = "browser";

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
}

fn prepare_browser(root: &Path) -> Result<PathBuf> {
    let packages = ["chromium", "chromium-driver"];
    need(Command::new("/usr/bin/chromium").arg("--version"), "Chromium", &packages)?;
    need(Command::new("/usr/bin/chromedriver").arg("--version"), "Chromium's driver", &packages)?;
    python::prepare(root, BROWSER)
}
