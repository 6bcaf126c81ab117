//! This process's part of one counter.

use tokio::time::Instant;

/// Taken from what is left of a quota, and spent without asking the database. Pure: time and limits come in as arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slice {
    pub(crate) limit: u64,
    /// What may be spent here. Less than `held` once some of it is to go back.
    pub(crate) granted: u64,
    /// What the database has set aside for this process, as it said last.
    pub(crate) held: u64,
    /// Used, or reserved by a request that runs.
    pub(crate) spent: u64,
    /// What the database was last told was spent.
    pub(crate) reported: u64,
    /// What it had set aside for everybody else, when it was last asked.
    pub(crate) elsewhere: u64,
    /// Requests that hold a reservation.
    pub(crate) open: u32,
    /// From then on the database may give what is left of this to others.
    pub(crate) valid_until: Instant,
    pub(crate) last_used: Instant,
}

impl Slice {
    pub(crate) fn new(limit: u64, now: Instant) -> Self {
        let (granted, held, spent, reported, elsewhere, open) = (0, 0, 0, 0, 0, 0);
        Self { limit, granted, held, spent, reported, elsewhere, open, valid_until: now, last_used: now }
    }

    /// How much more the database would have to grant for this to pass.
    pub(crate) fn missing(&self, amount: u64, now: Instant) -> u64 {
        // What was granted is void after its time, what was spent is spent.
        let granted = if now < self.valid_until { self.granted } else { self.granted.min(self.spent) };
        (self.spent + amount).saturating_sub(granted)
    }

    pub(crate) fn spend(&mut self, amount: u64, now: Instant) {
        self.spent += amount;
        self.open += 1;
        self.last_used = now;
    }

    /// A request is over: it had reserved so much, and has used so much, which may be more if it was only estimated.
    pub(crate) fn settle(&mut self, reserved: u64, used: u64) {
        self.spent = (self.spent + used).saturating_sub(reserved);
        self.open = self.open.saturating_sub(1);
    }

    /// A new limit. Under a lower one, nothing that was granted under the old one may be spent any more.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        if limit < self.limit {
            self.give_back();
        }
        self.limit = limit;
    }

    /// What is not spent goes back with the next report.
    pub(crate) fn give_back(&mut self) {
        self.granted = self.granted.min(self.spent);
    }

    /// Whether the database has something to learn.
    pub(crate) fn has_news(&self) -> bool {
        self.spent != self.reported || self.granted != self.held
    }

    /// As far as is known here: others may have spent some since.
    pub(crate) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.elsewhere).saturating_sub(self.spent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn granted(amount: u64) -> (Slice, Instant) {
        let now = Instant::now();
        let valid_until = now + Duration::from_secs(10);
        (Slice { granted: amount, valid_until, ..Slice::new(100, now) }, now)
    }

    #[test]
    fn what_is_granted_can_be_spent_and_no_more() {
        let (mut slice, now) = granted(10);
        assert_eq!(slice.missing(10, now), 0);
        slice.spend(7, now);
        assert_eq!(slice.missing(4, now), 1);
    }

    #[test]
    fn what_was_not_used_can_be_spent_again() {
        let (mut slice, now) = granted(10);
        slice.spend(10, now);
        slice.settle(10, 3);
        assert_eq!((slice.spent, slice.open, slice.missing(7, now)), (3, 0, 0));
    }

    #[test]
    fn more_than_was_reserved_is_owed() {
        let (mut slice, now) = granted(10);
        slice.spend(10, now);
        slice.settle(10, 12);
        assert_eq!(slice.missing(1, now), 3);
    }

    #[test]
    fn a_slice_is_void_after_its_time() {
        let (slice, now) = granted(10);
        assert_eq!(slice.missing(1, now + Duration::from_secs(10)), 1);
    }

    #[test]
    fn a_lower_limit_takes_back_what_is_not_spent() {
        let (mut slice, now) = granted(10);
        slice.spend(4, now);
        slice.set_limit(5);
        assert_eq!((slice.granted, slice.missing(1, now)), (4, 1));
    }
}
