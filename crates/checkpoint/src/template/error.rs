//! Why a chat template does not parse, or refuses a conversation.

use std::error::Error as _;
use std::fmt;

use thiserror::Error;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    #[error("{source_name}: {found} bytes, more than the {limit} allowed")]
    TooLong { source_name: String, found: usize, limit: usize },
    #[error("{source_name}, line {line}: {problem}")]
    Syntax { source_name: String, line: usize, problem: String },
    /// The template's own word, by `raise_exception`: the conversation is not one that this model knows. The client can
    /// mend that.
    #[error("{message}")]
    Refused { message: String },
    /// More steps or more text than any conversation needs.
    #[error("{source_name}: the conversation is too long for the template, or the template does not come to an end")]
    Exhausted { source_name: String },
    /// The template met something it did not expect, in the conversation or in itself.
    #[error("{source_name}, line {line}: {problem}")]
    Render { source_name: String, line: usize, problem: String },
}

/// What `raise_exception` leaves inside the template engine's error.
#[derive(Debug)]
pub(super) struct Raised(pub(super) String);

impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

impl Error {
    pub(super) fn syntax(source_name: &str, error: &minijinja::Error) -> Self {
        Self::Syntax { source_name: source_name.into(), line: error.line().unwrap_or(0), problem: problem(error) }
    }

    pub(super) fn render(source_name: &str, error: &minijinja::Error) -> Self {
        let source_name = source_name.to_owned();
        if let Some(Raised(message)) = raised(error) {
            return Self::Refused { message: message.clone() };
        }
        if error.kind() == minijinja::ErrorKind::OutOfFuel || error.kind() == minijinja::ErrorKind::WriteFailure {
            return Self::Exhausted { source_name };
        }
        Self::Render { source_name, line: error.line().unwrap_or(0), problem: problem(error) }
    }
}

/// The error of a macro is the cause of the error of its call.
fn raised(error: &minijinja::Error) -> Option<&Raised> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(raised) = error.downcast_ref() {
            return Some(raised);
        }
        cause = error.source();
    }
    None
}

fn problem(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
