//! Programs that a test needs, brought where we may.

use std::process::Command;

use anyhow::{Result, ensure};

use super::script;

/// Makes sure that `probe` succeeds, by installing Debian packages where we may; else says what to type.
pub(super) fn need(probe: &mut Command, what: &str, packages: &[&str]) -> Result<()> {
    if script::succeeds(probe) {
        return Ok(());
    }
    let names = packages.join(" ");
    let may_install = script::succeeds(Command::new("sh").args(["-c", "test \"$(id -u)\" = 0 && command -v apt-get"]));
    if may_install {
        script::run(Command::new("apt-get").args(["-qq", "update"]))?;
        let mut install = Command::new("apt-get");
        install.args(["-qq", "-y", "--no-install-recommends", "install"]).env("DEBIAN_FRONTEND", "noninteractive");
        script::run(install.args(packages))?;
    }
    ensure!(script::succeeds(probe), "{what} is missing; get it with: sudo apt-get install {names}");
    Ok(())
}
