//! What is measured is what is shipped: the release profile.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::{repository, server};

/// The server, built.
pub(super) fn server() -> Result<PathBuf> {
    let root = repository::root();
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--release", "--bin", "llm-inference-api"]).current_dir(&root);
    ensure!(command.status().context("cannot start cargo")?.success(), "the server does not build");
    Ok(server::binary(&root))
}
