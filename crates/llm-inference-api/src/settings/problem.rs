//! What is wrong with settings: each problem says where, what was found, and what to do.

use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;

use super::file::FileProblem;
use super::parse::Expected;

/// Why one setting cannot be as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    File(#[from] FileProblem),
    #[error("{variable}={value:?}: {expected}")]
    Unreadable { variable: &'static str, value: String, expected: Expected },
    #[error(
        "{name} is draft, but no model is named to draft; name a smaller one of the same vocabulary with {model_name} or \
         --draft-model, or set {name} to ngram, which needs none"
    )]
    NoDraftModel { name: String, model_name: &'static str },
    #[error("{name} is true, but no file is named for it; name one in PEM with {variable} or {flag}")]
    NoTlsFile { name: String, variable: &'static str, flag: &'static str },
    #[error(
        "{place}: the model {id:?} is to come from MLflow, and nobody says where that is; {variable} has to name it, as http://localhost:5000"
    )]
    NoTrackingUri { place: String, id: String, variable: &'static str },
    #[error(
        "{place}: the model {id:?} is to come from MLflow, and {name} is no address of a server, as http://localhost:5000"
    )]
    NoTrackingServer { place: String, id: String, name: String },
    #[error(
        "{name} and {stage} together are no model of MLflow, expected a name and a stage without slashes, as custom-llm and Production"
    )]
    NotInMlFlow { name: String, stage: String },
    #[error("{default_name} is {default}, more than the {limit} of {limit_name}")]
    DefaultOverLimit { default_name: String, default: NonZeroU32, limit_name: String, limit: NonZeroU32 },
}

impl Problem {
    /// Of the file, for an order in which somebody would correct them; what is not in the file comes last.
    pub(super) fn line(&self) -> usize {
        match self {
            Self::File(problem) => problem.line(),
            _ => usize::MAX,
        }
    }
}

/// All of them, so that nobody has to find them one start at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}
