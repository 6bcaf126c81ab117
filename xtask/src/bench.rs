//! `cargo xtask bench` and `cargo xtask synth`: the program that measures, built and run in the release profile, because what is
//! measured is what is shipped.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// What follows is that program's, `--help` too.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Whether it succeeded.
pub(crate) fn run(root: &Path, task: &str, options: &Options) -> Result<bool> {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--package", "bench", "--manifest-path"]).arg(root.join("Cargo.toml"));
    let status = command.args(["--", task]).args(&options.arguments).status().context("cannot start cargo")?;
    Ok(status.success())
}
