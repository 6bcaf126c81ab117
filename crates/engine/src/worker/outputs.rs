//! Which row of a step's output belongs to what.

use crate::sequence::SequenceId;

/// One row that the model keeps: the distribution of the token behind `position`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) sequence: SequenceId,
    pub(super) position: usize,
    /// The next token is sampled from it.
    pub(super) samples: bool,
    /// The token at `position`, if it was guessed: the row counts if that is the one that was then chosen.
    pub(super) guess: Option<u32>,
}
