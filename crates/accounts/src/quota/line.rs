//! What this process and the database tell each other about one counter.

use super::Counter;

/// What is so here. In whole numbers, never in differences: it may be told twice, and be heard without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) counter: Counter,
    /// Which of this process's slices it is. One that has ended and one that came after it are two.
    pub(crate) slice: u64,
    pub(crate) limit: u64,
    pub(crate) granted: u64,
    /// Used, or set aside for requests that run...
    pub(crate) spent: u64,
    /// ... of which so much is only set aside.
    pub(crate) reserved: u64,
    /// What the database was last known to have heard of as spent.
    pub(crate) reported: u64,
    /// What `granted` has to become at least, for a request to pass. Absent in a mere report.
    pub(crate) needed: Option<u64>,
}

/// What is so from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) granted: u64,
    /// Held by everybody else.
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
    /// Until requests that run are over: it is set aside for them.
    SetAside,
}
