//! `check-config`: what is in force, and who said so.

use crate::commands::Failure;
use crate::settings::{Arguments, Environment, Machine, Purpose, resolve, show};
use crate::terminal;

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = resolve(arguments, Environment::of_process(), &Machine::look(), Purpose::Serve)?;
    terminal::answer(&show(&settings)).map_err(anyhow::Error::from)?;
    for warning in &settings.warnings {
        terminal::say(&format!("warning: {warning}"));
    }
    Ok(())
}
