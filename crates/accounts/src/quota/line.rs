//! What this process and the database tell each other about one counter.

use super::Counter;

/// What is so here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) counter: Counter,
    pub(crate) limit: u64,
    pub(crate) granted: u64,
    pub(crate) spent: u64,
    pub(crate) reported: u64,
    /// What `granted` has to become at least, for a request to pass. Absent in a mere report.
    pub(crate) needed: Option<u64>,
    /// Nothing is held any more: the slice ends.
    pub(crate) closing: bool,
}

/// What is so from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) granted: u64,
    /// Set aside for everybody else.
    pub(crate) elsewhere: u64,
    /// Somebody else needs what is not spent here.
    pub(crate) wanted: bool,
    /// What was needed cannot be had.
    pub(crate) refused: Option<Refused>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Before the window ends.
    Spent,
    /// Just now: others hold it, and were asked to give it back.
    HeldByOthers,
}
