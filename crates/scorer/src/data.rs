//! What is trained on and measured with: who did how well on which prompt.

mod columns;
mod comma;
mod error;
mod lines;
mod row;
mod split;

use std::collections::HashMap;

use bytes::Bytes;

pub use error::{Error, Mistake, Place};
pub use split::{Part, Split};

use crate::prompt::Prompt;
use row::{Row, Verdict};

/// What a dataset's lines are. One file holds one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Which of two models did better. A score's difference is then the logarithm of the odds that the first one wins.
    Pairs,
    /// How well one model did, 0 to 1. A score is then the one to be expected.
    Scores,
}

/// One line. For a pair `credit` is what `model` got against `rival` (1, 0, or ½ for a tie), else it is the model's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    pub prompt: usize,
    pub model: usize,
    pub rival: Option<usize>,
    pub credit: f32,
    /// What the answer cost, in whatever unit the file has.
    pub cost: Option<f32>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub kind: Kind,
    /// Each once, in the order of the file.
    pub prompts: Vec<Prompt>,
    /// Each once, sorted.
    pub models: Vec<String>,
    pub examples: Vec<Example>,
}

impl Dataset {
    /// Reads JSON lines (of objects), CSV (with a head line) or Parquet: `prompt, model_a, model_b, winner` or
    /// `prompt, model, score[, cost]`. JSON may have `features` in place of a prompt. Further columns are left alone. Every mistake is told with its line or row.
    pub fn read(file: impl Into<Bytes>, format: Format) -> Result<Self, Error> {
        let file = file.into();
        match format {
            Format::JsonLines => Self::collect(lines::read(error::text(&file)?), Place::Line),
            Format::Csv => Self::collect(comma::read(error::text(&file)?), Place::Line),
            Format::Parquet => Self::collect(columns::read(file)?.into_iter(), Place::Row),
        }
    }

    /// As JSON lines, which [`Dataset::read`] reads as the same dataset (but for models without an example).
    pub fn to_json_lines(&self) -> String {
        lines::write(self)
    }

    /// The examples on prompts of one part of a split.
    pub fn part(&self, split: Split, part: Part) -> Vec<Example> {
        let parts: Vec<Part> = self.prompts.iter().map(|prompt| split.of(&prompt.key())).collect();
        self.examples.iter().filter(|example| parts[example.prompt] == part).copied().collect()
    }

    /// `rows`: (where, what is there).
    fn collect(rows: impl Iterator<Item = (u64, Result<Row, String>)>, place: Place) -> Result<Self, Error> {
        let (rows, kind) = sound(rows, place)?;
        let mut models: Vec<String> = rows.iter().flat_map(Row::models).map(str::to_owned).collect();
        models.sort_unstable();
        models.dedup();
        let number: HashMap<&str, usize> =
            models.iter().enumerate().map(|(number, model)| (model.as_str(), number)).collect();
        let mut prompts = Vec::new();
        let mut seen = HashMap::new();
        let mut examples = Vec::with_capacity(rows.len());
        for row in &rows {
            let prompt = *seen.entry(row.prompt.key()).or_insert_with(|| {
                prompts.push(row.prompt.clone());
                prompts.len() - 1
            });
            examples.push(example(prompt, row, &number));
        }
        Ok(Self { kind, prompts, models, examples })
    }
}

/// How a file of examples is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    JsonLines,
    Csv,
    Parquet,
}

impl Format {
    /// By a file's ending: `jsonl`, `ndjson`, `csv`, `parquet`.
    pub fn of(ending: &str) -> Option<Self> {
        match ending {
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

fn example(prompt: usize, row: &Row, number: &HashMap<&str, usize>) -> Example {
    match &row.verdict {
        Verdict::Pair { models: [first, second], credit } => {
            let (model, rival) = (number[first.as_str()], Some(number[second.as_str()]));
            Example { prompt, model, rival, credit: *credit, cost: None }
        }
        Verdict::Score { model, score, cost } => {
            Example { prompt, model: number[model.as_str()], rival: None, credit: *score, cost: *cost }
        }
    }
}

/// All rows, if none has a mistake and all are of one kind.
fn sound(rows: impl Iterator<Item = (u64, Result<Row, String>)>, place: Place) -> Result<(Vec<Row>, Kind), Error> {
    let mut found: Vec<Row> = Vec::new();
    let mut mistakes = error::Mistakes::default();
    for (number, row) in rows {
        match row {
            Ok(row) if found.first().is_some_and(|first| first.kind() != row.kind()) => {
                mistakes.add(Mistake::at(place, number, "pairs and scores cannot be in one file"));
            }
            Ok(row) => found.push(row),
            Err(reason) => mistakes.add(Mistake::at(place, number, reason)),
        }
    }
    mistakes.none()?;
    let kind = found.first().map(Row::kind).ok_or(Error::Empty)?;
    Ok((found, kind))
}

#[cfg(test)]
mod tests;
