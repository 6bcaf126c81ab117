//! `scorer evaluate`: how good a scorer is on a file of examples, as far as it was not trained on its prompts.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Error, Result, ensure};
use clap::Args;
use scorer::Training;
use scorer::files::{Name, Saved};
use scorer::measure::{Measured, draw, measure};

use super::{Scorers, figures, read};
use crate::commands::Failure;
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// type/name
    name: String,
    /// The examples: .jsonl, .csv or .parquet. One prompt in five is measured with: the same ones that were held out in training.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Draw quality over cost (or over the share of calls to the stronger model) into this file, as an SVG.
    #[arg(long, value_name = "FILE.svg", value_parser = svg)]
    curve: Option<PathBuf>,
    /// JSON in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    scorers: Scorers,
}

pub(crate) fn run(arguments: EvaluateArguments) -> Result<(), Failure> {
    let EvaluateArguments { name, data, curve, json, scorers } = arguments;
    let name = Name::parse(&name).map_err(Error::from)?;
    let saved = scorers.open()?.load(&name).map_err(Error::from)?;
    let (dataset, _) = read(&data)?;
    let measured = measure(&saved.scorer, &dataset, &as_trained(&saved, &name)).map_err(Error::from)?;
    if let Some(curve) = curve {
        write(&measured, &curve)?;
    }
    let report = &measured.report;
    let text = if json { figures::json(report)? } else { figures::table(name.kind().name(), report) };
    Ok(terminal::answer(&text).map_err(Error::from)?)
}

/// What draws by another name would open it as something else.
fn svg(path: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    let is_svg = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("svg"));
    if is_svg { Ok(path) } else { Err("it is drawn as an SVG, so its name has to end with .svg") }
}

fn as_trained(Saved { scorer, sidecar }: &Saved, name: &Name) -> Training {
    let mut training = Training::new(name.kind(), scorer.inputs.encoder().clone(), sidecar.training.seed);
    training.split = sidecar.training.split;
    training
}

fn write(measured: &Measured, path: &PathBuf) -> Result<()> {
    let svg = draw(measured);
    ensure!(svg.is_some(), "there is no curve to draw: that takes costs, or two models that were compared often");
    fs::write(path, svg.unwrap_or_default()).with_context(|| format!("{} cannot be written", path.display()))
}
