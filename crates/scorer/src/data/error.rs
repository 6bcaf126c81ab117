//! What is wrong with a file of examples.

use std::fmt;

/// So many mistakes are told; of the others there is a number.
const TOLD: usize = 10;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("there is no example in it")]
    Empty,
    #[error("line {line} is not UTF-8")]
    NotText { line: u64 },
    #[error("it cannot be read as Parquet: {0}")]
    NotParquet(String),
    #[error("{}", told(mistakes, *more))]
    Mistakes {
        mistakes: Vec<Mistake>,
        /// Mistakes that are not told.
        more: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub place: Place,
    /// Counted from 1.
    pub number: u64,
    pub reason: String,
}

/// What the places of a file are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Line,
    Row,
}

impl Mistake {
    pub(super) fn at(place: Place, number: u64, reason: impl Into<String>) -> Self {
        Self { place, number, reason: reason.into() }
    }
}

/// The bytes of a file that is to be text.
pub(super) fn text(file: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(file).map_err(|error| {
        let lines = file[..error.valid_up_to()].split(|byte| *byte == b'\n');
        Error::NotText { line: lines.count() as u64 }
    })
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Line => "line",
            Place::Row => "row",
        };
        write!(formatter, "{place} {}: {}", self.number, self.reason)
    }
}

fn told(mistakes: &[Mistake], more: usize) -> String {
    let mut lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

#[derive(Debug, Default)]
pub(super) struct Mistakes {
    mistakes: Vec<Mistake>,
    more: usize,
}

impl Mistakes {
    pub(super) fn add(&mut self, mistake: Mistake) {
        if self.mistakes.len() < TOLD {
            self.mistakes.push(mistake);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn none(self) -> Result<(), Error> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        Err(Error::Mistakes { mistakes: self.mistakes, more: self.more })
    }
}
