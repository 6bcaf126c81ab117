//! Node, and the packages of a directory that has a `package-lock.json`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::need::need;
use super::{heading, script};

/// Installs exactly what the lock file names, where Node looks for it; anew when that changes.
pub(super) fn prepare(directory: &Path) -> Result<()> {
    heading("Node packages");
    need(Command::new("node").arg("--version"), "node", &["nodejs", "npm"])?;
    need(Command::new("npm").arg("--version"), "npm", &["nodejs", "npm"])?;
    let (pins, stamp) =
        (fs::read_to_string(directory.join("package-lock.json"))?, directory.join("node_modules/.installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    let mut install = Command::new("npm");
    script::run(install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(directory))?;
    fs::write(&stamp, pins).context("cannot note what was installed")
}
