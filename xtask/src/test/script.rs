//! Running other programs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command, prints its lines as they come and hands each to `read`; whether it succeeded.
pub(super) fn stream(command: &mut Command, mut read: impl FnMut(&str)) -> Result<bool> {
    let (output, input) = std::io::pipe()?;
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    // The command still holds the writing ends; until it lets go of them, the reading end sees no end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        read(&line);
    }
    Ok(child.wait()?.success())
}

/// Runs a command with its output shown; an error if it fails.
pub(super) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", described(command));
    if !stream(command, |_| ())? {
        bail!("failed: {}", described(command));
    }
    Ok(())
}

/// Whether a command exists and succeeds, its output thrown away.
pub(super) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn described(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
