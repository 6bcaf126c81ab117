//! `check-config`: what is in force, and who said so.

use crate::commands::Failure;
use crate::settings::{Arguments, Machine, Purpose, read, show};
use crate::terminal;

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = read(arguments, &Machine::look(), Purpose::Serve)?;
    terminal::answer(&show(&settings)).map_err(anyhow::Error::from)?;
    for warning in &settings.warnings {
        terminal::say(&format!("warning: {warning}"));
    }
    Ok(())
}
