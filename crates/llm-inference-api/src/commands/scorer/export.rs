//! `scorer export`: what a server kept of its answers and their ratings, as examples to train on.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Error};
use clap::Args;
use serving::Rule;

use super::Scorers;
use crate::commands::Failure;
use crate::settings::Settings;
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
    let settings = scorers.settings()?;
    let directory = assemble::outcomes_directory(&settings);
    let unread = || format!("{} cannot be read", directory.display());
    let examples = scorer::traffic::examples(&directory, &costs(&settings)).with_context(unread)?;
    match out {
        Some(out) => fs::write(&out, examples).with_context(|| format!("{} cannot be written", out.display()))?,
        None => terminal::answer(&examples).map_err(Error::from)?,
    }
    Ok(())
}

/// What an answer of each model costs, as far as the routes say; of those that say different things, the first.
fn costs(settings: &Settings) -> BTreeMap<String, f32> {
    let routes = settings.models.routes.iter().map(|declared| &declared.route);
    let priced = routes.filter(|route| route.rule != Rule::Best).flat_map(|route| &route.candidates);
    let mut costs = BTreeMap::new();
    for candidate in priced {
        costs.entry(candidate.model.clone()).or_insert(candidate.cost);
    }
    costs
}
