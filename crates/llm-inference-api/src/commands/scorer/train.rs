//! `scorer train`: from a file of examples to a scorer in the directory.

use std::path::PathBuf;

use anyhow::{Context, Error, Result};
use clap::Args;
use scorer::data::Dataset;
use scorer::files::{Name, Provenance};
use scorer::measure::measure;
use scorer::network::Progress;
use scorer::prompt::{Encoder, HashedNgrams};
use scorer::{Scorer, Training, Type};

use super::{Scorers, figures, read};
use crate::commands::Failure;
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// The examples: .jsonl or .csv.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// What the scorer shall be called, behind its type: letters, digits, -, _ and .
    #[arg(long)]
    name: String,
    /// dense_network, or one of the simple ones: elo, knn, linear.
    #[arg(long = "type", value_name = "TYPE", default_value = "dense_network", value_parser = kind)]
    kind: Type,
    /// The same seed and file make the same scorer.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Numbers in the embedding of a prompt.
    #[arg(long, value_name = "NUMBER", default_value_t = HashedNgrams::DEFAULT_DIMENSIONS)]
    dimensions: usize,
    /// Times that dense_network goes through all examples, at most.
    #[arg(long, value_name = "NUMBER")]
    epochs: Option<usize>,
    #[command(flatten)]
    scorers: Scorers,
}

pub(crate) fn run(arguments: TrainArguments) -> Result<(), Failure> {
    let TrainArguments { data, name, kind, seed, dimensions, epochs, scorers } = arguments;
    // Known to be a name before minutes are spent.
    Name::parse(&format!("{kind}/{name}")).map_err(Error::from)?;
    let directory = scorers.open()?;
    let (dataset, text) = read(&data)?;
    let training = training(kind, seed, dimensions, epochs)?;
    let scorer = fit(&dataset, &training)?;
    let report = measure(&scorer, &dataset, &training).map_err(Error::from)?.report;
    let answer = figures::table(kind.name(), &report);
    let provenance = Provenance::new(text.as_bytes(), &dataset, &training);
    let name = directory.save(&name, &scorer, provenance, report).map_err(Error::from)?;
    terminal::answer(&answer).map_err(Error::from)?;
    terminal::say(&format!("{name} is trained and kept"));
    Ok(())
}

fn training(kind: Type, seed: u64, dimensions: usize, epochs: Option<usize>) -> Result<Training> {
    let ngrams = HashedNgrams::new(dimensions).context("--dimensions is a number from 1 to 65536")?;
    let mut training = Training::new(kind, Encoder::HashedNgrams(ngrams), seed);
    training.options.epochs = epochs.unwrap_or(training.options.epochs);
    Ok(training)
}

fn fit(dataset: &Dataset, training: &Training) -> Result<Scorer> {
    let (prompts, examples, models) = (dataset.prompts.len(), dataset.examples.len(), dataset.models.join(", "));
    terminal::say(&format!("{examples} examples on {prompts} prompts, models: {models}"));
    let told = |Progress { epoch, training_loss, validation_loss }: Progress| {
        terminal::say(&format!("epoch {epoch:>3}  loss {training_loss:.4}  on validation {validation_loss:.4}"));
    };
    scorer::fit(dataset, training, told).map_err(Error::from)
}

fn kind(name: &str) -> Result<Type, String> {
    Type::find(name).ok_or_else(|| format!("there are {}", Type::ALL.map(Type::name).join(", ")))
}
