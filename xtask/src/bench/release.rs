//! What is measured is what is shipped: the release profile, in which this program is built anew where it is not.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{repository, server};

/// Whether this program was built in the release profile.
pub(super) fn is_this() -> bool {
    !cfg!(debug_assertions)
}

/// Does in the release profile what this program was asked to do; whether that succeeded.
pub(super) fn run_instead() -> Result<bool> {
    let manifest = repository::root().join("Cargo.toml");
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--package", "xtask", "--manifest-path"]).arg(manifest).arg("--");
    let status = command.args(std::env::args_os().skip(1)).status().context("cannot start cargo")?;
    Ok(status.success())
}

/// The server, built.
pub(super) fn server() -> Result<PathBuf> {
    let root = repository::root();
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--release", "--bin", "llm-inference-api"]).current_dir(&root);
    ensure!(command.status().context("cannot start cargo")?.success(), "the server does not build");
    Ok(server::binary(&root))
}
