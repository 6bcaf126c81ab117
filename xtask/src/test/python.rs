//! Test suites written in Python, each with packages of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};

use super::need::need;
use super::tally::Tally;
use super::{heading, script};
use crate::server;

/// Pins of packages.
const REQUIREMENTS: &str = "requirements.txt";

/// Pins of packages whose files alone are used, and nothing that they ask for.
const FILES_ALONE: &str = "files_alone.txt";

/// A virtual environment under `target/` with the packages that are pinned beside a suite; made anew when the pins change.
pub(super) fn prepare(root: &Path, suite: &str) -> Result<PathBuf> {
    heading("Python packages");
    let mut has_venv = Command::new("python3");
    need(has_venv.args(["-c", "import venv, ensurepip"]), "python3 with its venv module", &["python3", "python3-venv"])?;
    let suite_files = root.join("tests").join(suite);
    let mut files = vec![suite_files.join(REQUIREMENTS)];
    files.extend(Some(suite_files.join(FILES_ALONE)).filter(|file| file.is_file()));
    let environment = root.join("target/clients").join(suite);
    let (python, stamp) = (environment.join("bin/python"), environment.join("installed.txt"));
    // With their names: what moves from one to the other is installed in another way.
    let pins = files.iter().map(|file| Ok(format!("{}\n{}", file.display(), fs::read_to_string(file)?)));
    let pins = pins.collect::<io::Result<String>>()?;
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(python);
    }
    script::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    for file in files {
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        if file.ends_with(FILES_ALONE) {
            install.arg("--no-deps");
        }
        script::run(install.arg("--requirement").arg(&file))?;
    }
    fs::write(&stamp, pins).context("cannot note what was installed")?;
    Ok(python)
}

/// Runs the tests in a directory of `tests/` against the built server, which `tell` says more about; or says why they cannot run.
pub(super) fn suite(
    root: &Path,
    tally: &mut Tally,
    title: &str,
    directory: &str,
    packages: Result<PathBuf>,
    tell: impl FnOnce(&mut Command),
) {
    match packages {
        Ok(python) => {
            let mut tests = pytest(root, &python, directory);
            tests.env("LLM_TEST_BINARY", server::binary(root));
            tell(&mut tests);
            tally.tests(title, tests);
        }
        Err(error) => {
            heading(title);
            tally.leave_out(format!("{title}: {error:#}"));
        }
    }
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
    let tests = root.join("tests");
    // What suites have in common.
    command.env("PYTHONPATH", tests.join("shared"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(tests.join(directory));
    command
}
