//! `scorer list` and `scorer show`.

use anyhow::{Context, Error};
use clap::Args;
use scorer::files::{Name, Sidecar};
use serde_json::json;

use super::Scorers;
use crate::commands::Failure;
use crate::commands::table::table;
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// One JSON array in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    scorers: Scorers,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// type/name
    name: String,
    #[command(flatten)]
    scorers: Scorers,
}

/// A scorer, or why it cannot be used.
type Row = (Name, Result<Sidecar, String>);

pub(crate) fn run(arguments: ListArguments) -> Result<(), Failure> {
    let ListArguments { json, scorers } = arguments;
    let directory = scorers.open()?;
    let describe = |name: Name| {
        let described = directory.describe(&name).map_err(|error| error.to_string());
        (name, described)
    };
    let rows: Vec<Row> = directory.list().map_err(Error::from)?.into_iter().map(describe).collect();
    let text = if json { as_json(&rows) } else { as_table(&rows) };
    Ok(terminal::answer(&text).map_err(Error::from)?)
}

pub(crate) fn show(arguments: ShowArguments) -> Result<(), Failure> {
    let ShowArguments { name, scorers } = arguments;
    let name = Name::parse(&name).map_err(Error::from)?;
    let sidecar = scorers.open()?.describe(&name).map_err(Error::from)?;
    let text = serde_json::to_string_pretty(&sidecar).context("it cannot be written as JSON")?;
    Ok(terminal::answer(&(text + "\n")).map_err(Error::from)?)
}

fn as_table(rows: &[Row]) -> String {
    let row = |(name, described): &Row| match described {
        Ok(sidecar) => {
            let accuracy = sidecar.held_out.scorer.pairwise_accuracy;
            let accuracy = accuracy.map_or_else(|| "-".to_owned(), |accuracy| format!("{accuracy:.3}"));
            [name.to_string(), sidecar.training.examples.to_string(), accuracy, sidecar.models.join(", ")]
        }
        Err(reason) => [name.to_string(), String::new(), String::new(), format!("({reason})")],
    };
    table(["SCORER", "EXAMPLES", "ACCURACY", "MODELS"], rows.iter().map(row))
}

fn as_json(rows: &[Row]) -> String {
    let row = |(name, described): &Row| match described {
        Ok(Sidecar { models, training, held_out, .. }) => {
            json!({"name": name.to_string(), "models": models, "examples": training.examples, "held_out": held_out.scorer})
        }
        Err(reason) => json!({"name": name.to_string(), "problem": reason}),
    };
    format!("{:#}\n", rows.iter().map(row).collect::<serde_json::Value>())
}
