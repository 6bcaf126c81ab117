//! Node, and the packages of a directory that has a `package-lock.json`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::need::need;
use super::{heading, python, script};

/// Exits with 0 if this Node is one of the years that the console's tools are made for.
const IS_RECENT: &str = "const [major, minor] = process.versions.node.split('.'); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)";
/// The suite whose packages are a Node, for a machine whose own is older.
const OUR_OWN: &str = "console";

/// Where Node and npm are.
#[derive(Debug)]
pub(super) struct Node {
    path: OsString,
}

impl Node {
    /// The machine's, installed if it has none.
    pub(super) fn of_the_machine() -> Result<Self> {
        need(Command::new("node").arg("--version"), "node", &["nodejs", "npm"])?;
        need(Command::new("npm").arg("--version"), "npm", &["nodejs", "npm"])?;
        Ok(Self { path: path() })
    }

    /// The same if it is recent, else one out of PyPI: Debian's is years older.
    pub(super) fn recent(root: &Path) -> Result<Self> {
        if script::succeeds(Command::new("node").args(["-e", IS_RECENT])) {
            return Self::of_the_machine();
        }
        let python = python::prepare(root, OUR_OWN)?;
        let own = python.parent().map(Path::to_owned);
        let path = env::join_paths(own.into_iter().chain(env::split_paths(&path())));
        Ok(Self { path: path.context("the path to Node cannot be told to npm")? })
    }

    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("env");
        // Looked for there, and not where this program was.
        command.env("PATH", &self.path).arg(program);
        command
    }

    /// Installs exactly what the lock file names, where Node looks for it; anew when that changes.
    pub(super) fn prepare(&self, directory: &Path) -> Result<()> {
        heading("Node packages");
        let (pins, stamp) =
            (fs::read_to_string(directory.join("package-lock.json"))?, directory.join("node_modules/.installed"));
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
            return Ok(());
        }
        let mut install = self.command("npm");
        script::run(install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(directory))?;
        fs::write(&stamp, pins).context("cannot note what was installed")
    }
}

#[expect(clippy::disallowed_methods, reason = "the rule is for the server; this finds a program before others of its name")]
fn path() -> OsString {
    env::var_os("PATH").unwrap_or_default()
}
