//! Test suites written in Python, each with packages of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::need::need;
use super::{heading, script};

/// A virtual environment under `target/` with the packages that are pinned beside a suite; made anew when the pins change.
pub(super) fn prepare(root: &Path, suite: &str) -> Result<PathBuf> {
    heading("Python packages");
    let mut has_venv = Command::new("python3");
    need(has_venv.args(["-c", "import venv, ensurepip"]), "python3 with its venv module", &["python3", "python3-venv"])?;
    let requirements = root.join("tests").join(suite).join("requirements.txt");
    let environment = root.join("target/clients").join(suite);
    let python = environment.join("bin/python");
    let (pins, stamp) = (fs::read_to_string(&requirements)?, environment.join("installed.txt"));
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(python);
    }
    script::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    script::run(Command::new(&python).args(install).arg(&requirements))?;
    fs::write(&stamp, pins).context("cannot note what was installed")?;
    Ok(python)
}

/// Runs the tests in a directory of `tests/`.
pub(super) fn pytest(root: &Path, python: &Path, directory: &str) -> Command {
    let mut command = command(root, python, directory);
    command.args(["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]);
    command
}

/// Python in a directory of `tests/`.
pub(super) fn command(root: &Path, python: &Path, directory: &str) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root.join("tests").join(directory));
    command
}
