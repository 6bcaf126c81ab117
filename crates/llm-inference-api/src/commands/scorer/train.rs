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
    /// The examples: .jsonl, .csv or .parquet.
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
    /// What reads the prompts: the directory, the id or the place on the Hub (hf:org/name) of a sentence encoder of the BERT family;
    /// or none, for features alone. Default: words and runs of letters, for which nothing has to be downloaded.
    #[arg(long, value_name = "ENCODER")]
    encoder: Option<String>,
    /// Numbers in the embedding of a prompt, where no --encoder makes it.
    #[arg(long, value_name = "NUMBER", default_value_t = HashedNgrams::DEFAULT_DIMENSIONS, conflicts_with = "encoder")]
    dimensions: usize,
    /// Times that dense_network goes through all examples, at most.
    #[arg(long, value_name = "NUMBER")]
    epochs: Option<usize>,
    #[command(flatten)]
    scorers: Scorers,
}

pub(crate) fn run(arguments: TrainArguments) -> Result<(), Failure> {
    let TrainArguments { data, name, kind, seed, encoder, dimensions, epochs, scorers } = arguments;
    // Known to be a name before minutes are spent.
    Name::parse(&format!("{kind}/{name}")).map_err(Error::from)?;
    let (directory, encoders) = scorers.open_with_encoders()?;
    let (dataset, file) = read(&data)?;
    let encoder = match encoder {
        Some(encoder) if encoder == "none" => Encoder::None,
        Some(encoder) => Encoder::Sentences(encoders.open(&encoder)?),
        None => Encoder::HashedNgrams(HashedNgrams::new(dimensions).context("--dimensions is a number from 1 to 65536")?),
    };
    let mut training = Training::new(kind, encoder, seed);
    training.options.epochs = epochs.unwrap_or(training.options.epochs);
    let scorer = fit(&dataset, &training)?;
    let report = measure(&scorer, &dataset, &training).map_err(Error::from)?.report;
    let answer = figures::table(kind.name(), &report);
    let provenance = Provenance::new(&file, &dataset, &training);
    let name = directory.save(&name, &scorer, provenance, report).map_err(Error::from)?;
    terminal::answer(&answer).map_err(Error::from)?;
    terminal::say(&format!("{name} is trained and kept"));
    Ok(())
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
