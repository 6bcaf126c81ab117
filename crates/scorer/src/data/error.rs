//! What is wrong with a file of examples.

use std::fmt;

/// So many mistakes are told; of the others there is a number.
const TOLD: usize = 10;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("there is no example in it")]
    Empty,
    #[error("{}", told(mistakes, *more))]
    Mistakes {
        mistakes: Vec<Mistake>,
        /// Mistakes that are not told.
        more: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Counted from 1.
    pub line: u64,
    pub reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
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
    pub(super) fn add(&mut self, line: u64, reason: impl Into<String>) {
        if self.mistakes.len() < TOLD {
            self.mistakes.push(Mistake { line, reason: reason.into() });
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
