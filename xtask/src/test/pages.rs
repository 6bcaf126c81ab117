//! The pages for browsers: the console's source against what the server embeds of it, and all pages of the built server in Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::clients::BASE_URL;
use super::need::need;
use super::node::Node;
use super::python;
use super::tally::Tally;

const BROWSER: &str = "browser";

/// Asks a server that is ready.
pub(super) fn run(root: &Path, base_url: &str, tally: &mut Tally) {
    let packages = check_console(root, tally).and_then(|()| prepare_browser(root));
    python::suite(root, tally, "the pages in Chromium", BROWSER, packages, |tests| {
        tests.env(BASE_URL, base_url);
    });
}

/// Its lints, its types, its tests, and whether what lies in `crates/api/assets/console` is what it builds.
fn check_console(root: &Path, tally: &mut Tally) -> Result<()> {
    let (console, node) = (root.join("console"), Node::recent(root)?);
    node.prepare(&console)?;
    tally.check("the console", npm(&node, &console, "check"));
    tally.tests("the parts of the console", npm(&node, &console, "test"));
    Ok(())
}

fn npm(node: &Node, console: &Path, script: &str) -> Command {
    let mut command = node.command("npm");
    command.args(["run", "--silent", script]).env("NO_COLOR", "1").current_dir(console);
    command
}

fn prepare_browser(root: &Path) -> Result<PathBuf> {
    need(Command::new("/usr/bin/chromium").arg("--version"), "Chromium", &["chromium"])?;
    python::prepare(root, BROWSER).context("the packages of the browser's tests")
}
