//! `scorer`: training, measuring and listing what says which model suits which prompt.

mod evaluate;
mod export;
mod figures;
mod list;
mod train;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result};
use bytes::Bytes;
use clap::{Args, Subcommand};
use encoder::Parallel;
use scorer::data::{Dataset, Format};
use scorer::files::Directory;
use scorer::prompt;

use super::prepare;
use crate::commands::Failure;
use crate::encoding::Encoders;
use crate::settings::{Arguments, FileArguments, LogArguments, Purpose, ScorerArguments, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum ScorerCommand {
    /// Learn from comparisons or scores which model suits which prompt.
    #[command(after_help = "Examples:
  llm-inference-api scorer train --data votes.jsonl --name mine
  llm-inference-api scorer train --data scores.csv --name mine --type knn --seed 7
  llm-inference-api scorer train --data votes.jsonl --name mine --encoder hf:sentence-transformers/all-MiniLM-L6-v2

FILE has JSON lines (.jsonl), CSV with a head line (.csv) or Parquet (.parquet): prompt, model_a, model_b, winner (model_a,
model_b, tie, both_bad), or prompt, model, score (0 to 1) and, if it is known, cost. One prompt in five is held out and measured
with at the end.")]
    Train(train::TrainArguments),
    /// Measure a scorer on prompts that were held out, beside simple ways to choose.
    #[command(after_help = "Examples:
  llm-inference-api scorer evaluate dense_network/mine --data votes.jsonl
  llm-inference-api scorer evaluate dense_network/mine --data scores.csv --curve curve.svg")]
    Evaluate(evaluate::EvaluateArguments),
    /// Write the answers that were kept (LLM_SCORER_RECORD) and rated (POST /v1/feedback), as examples to train on.
    Export(export::ExportArguments),
    /// List the scorers that are there.
    List(list::ListArguments),
    /// Show what is known of a scorer, as JSON.
    Show(list::ShowArguments),
}

pub(crate) fn run(command: ScorerCommand) -> Result<(), Failure> {
    match command {
        ScorerCommand::Train(arguments) => train::run(arguments),
        ScorerCommand::Evaluate(arguments) => evaluate::run(arguments),
        ScorerCommand::Export(arguments) => export::run(arguments),
        ScorerCommand::List(arguments) => list::run(arguments),
        ScorerCommand::Show(arguments) => list::show(arguments),
    }
}

/// Where the scorers are.
#[derive(Debug, Default, Args)]
pub(crate) struct Scorers {
    #[command(flatten)]
    place: ScorerArguments,
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    log: LogArguments,
}

impl Scorers {
    pub(crate) fn open(self) -> Result<Directory, Failure> {
        Ok(self.open_with_encoders()?.0)
    }

    fn settings(self) -> Result<Settings, Failure> {
        let Self { place, file, log } = self;
        prepare(Arguments { file, scorers: place, log, ..Arguments::default() }, Purpose::Answer)
    }

    /// And the encoders that they may have been trained with.
    fn open_with_encoders(self) -> Result<(Directory, Arc<Encoders>), Failure> {
        let settings = self.settings()?;
        let encoders = Arc::new(Encoders::new(&settings, Parallel::Together(settings.engine.threads.value)));
        let directory = Directory::new(settings.scorers.directory.value);
        Ok((directory.with_encoders(Arc::clone(&encoders) as Arc<dyn prompt::Encoders>), encoders))
    }
}

/// A file of examples, and its bytes.
fn read(path: &Path) -> Result<(Dataset, Bytes)> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let format =
        Format::of(ending).with_context(|| format!("{} ends with none of .jsonl, .csv and .parquet", path.display()))?;
    let file = Bytes::from(fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?);
    let dataset = Dataset::read(file.clone(), format).map_err(Error::from).with_context(|| path.display().to_string())?;
    Ok((dataset, file))
}
