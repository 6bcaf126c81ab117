//! The pages for browsers: the console's source against what the server embeds of it, and all pages of the built server in Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::clients::BASE_URL;
use super::need::need;
use super::tally::Tally;
use super::{heading, node, python, script};
use crate::server;

const BROWSER: &str = "browser";

/// Asks a server that is ready.
pub(super) fn run(root: &Path, base_url: &str, tally: &mut Tally) {
    match check_console(root, tally).and_then(|()| prepare_browser(root)) {
        Ok(python) => {
            let mut tests = python::pytest(root, &python, BROWSER);
            tests.env(BASE_URL, base_url).env("LLM_TEST_BINARY", server::binary(root));
            tally.tests("the pages in Chromium", tests);
        }
        Err(error) => {
            heading("the pages in Chromium");
            tally.leave_out(format!("the pages in Chromium: {error:#}"));
        }
    }
}

/// Its lints, its types, its tests, and whether what lies in `crates/api/assets/console` is what it builds.
fn check_console(root: &Path, tally: &mut Tally) -> Result<()> {
    let console = root.join("console");
    node::prepare(&console)?;
    check_node(&console)?;
    tally.check("the console", npm(&console, "check"));
    tally.tests("the parts of the console", npm(&console, "test"));
    Ok(())
}

fn npm(console: &Path, script: &str) -> Command {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", script]).env("NO_COLOR", "1").current_dir(console);
    command
}

/// What builds the console needs a Node of these years.
fn check_node(console: &Path) -> Result<()> {
    let test = "const [major, minor] = process.versions.node.split('.'); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)";
    let recent = script::succeeds(Command::new("node").args(["-e", test]));
    ensure!(recent, "{} needs Node 20.19 or newer", console.join("package.json").display());
    Ok(())
}

fn prepare_browser(root: &Path) -> Result<PathBuf> {
    need(Command::new("/usr/bin/chromium").arg("--version"), "Chromium", &["chromium"])?;
    python::prepare(root, BROWSER).context("the packages of the browser's tests")
}
