//! What can be wrong with the file, in sentences that say where, what was found, and what to do.

use thiserror::Error;

use super::Place;
use crate::settings::parse::Expected;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FileProblem {
    #[error("the settings file {file}, named by {origin}, cannot be read: {error}")]
    Unreadable { file: String, origin: String, error: String },
    #[error("{place}: {what}")]
    Malformed { place: Place, what: String },
    #[error("{place}: there is no key {key}; {hint}")]
    Unknown { place: Place, key: String, hint: String },
    #[error("{place}: {key} is {found}, expected a section: {key}: {{name: value}}")]
    NoSection { place: Place, key: String, found: &'static str },
    #[error("{place}: {key} is {found}, {expected}")]
    Wrong { place: Place, key: &'static str, found: String, expected: Expected },
    #[error("{place}: the name {name:?} is taken by the model of line {first}; ids and aliases have to differ")]
    NameTaken { place: Place, name: String, first: usize },
    #[error(
        "{place}: {key} takes its value from ${{{variable}}}, but that variable is not set; set it, or write $${{{variable}}} for the text itself"
    )]
    NotSet { place: Place, key: String, variable: String },
    #[error(
        "{place}: {key} has a ${{ that is not the beginning of ${{NAME}}, a variable of letters, digits and _; write $${{ for the text itself"
    )]
    NoVariable { place: Place, key: String },
}

impl FileProblem {
    /// Where it is; before the first line where it is not a line's.
    pub(crate) fn line(&self) -> usize {
        match self {
            Self::Unreadable { .. } => 0,
            Self::Malformed { place, .. }
            | Self::Unknown { place, .. }
            | Self::NoSection { place, .. }
            | Self::Wrong { place, .. }
            | Self::NameTaken { place, .. }
            | Self::NotSet { place, .. }
            | Self::NoVariable { place, .. } => place.line,
        }
    }
}
