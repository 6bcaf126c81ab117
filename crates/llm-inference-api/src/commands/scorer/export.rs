//! `scorer export`: what a server kept of its answers and their ratings, as examples to train on.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Error};
use clap::Args;

use super::Scorers;
use crate::commands::Failure;
use crate::{assemble, terminal};

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The JSON lines are written here in place of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    scorers: Scorers,
}

pub(crate) fn run(arguments: ExportArguments) -> Result<(), Failure> {
    let ExportArguments { out, scorers } = arguments;
    let directory = assemble::outcomes_directory(&scorers.settings()?);
    let unread = || format!("{} cannot be read", directory.display());
    let examples = scorer::traffic::examples(&directory).with_context(unread)?;
    match out {
        Some(out) => fs::write(&out, examples).with_context(|| format!("{} cannot be written", out.display()))?,
        None => terminal::answer(&examples).map_err(Error::from)?,
    }
    Ok(())
}
