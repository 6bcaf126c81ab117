//! This process's part of one counter.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::holder::Holder;

/// Taken from what is left of a quota, and spent without asking the database. Pure: time and limits come in as arguments.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// No other slice of this process, of any counter at any time, has the same.
    pub(crate) number: u64,
    pub(crate) limit: u64,
    /// What may be spent here. Less than `held` once some of it is to go back.
    pub(crate) granted: u64,
    /// What the database has set aside for this process, as it said last.
    pub(crate) held: u64,
    /// Used, or reserved by a request that runs.
    pub(crate) spent: u64,
    /// What the database was last told was spent...
    pub(crate) reported: u64,
    /// ... and how much of that was only set aside.
    pub(crate) reported_reserved: u64,
    /// It was told something to which it has not answered: it may have heard it or not.
    pub(crate) unanswered: bool,
    /// What it had set aside for everybody else, when it was last asked.
    pub(crate) elsewhere: u64,
    /// Requests that run, by their numbers.
    holders: HashMap<u64, Held>,
    /// From then on the database may give what is left of this to others.
    pub(crate) valid_until: Instant,
    pub(crate) last_used: Instant,
    /// So much could not be had before the window ends, and is not asked for again before then.
    spent_out: Option<(u64, Instant)>,
}

/// How long a quota that is spent is not asked for: everybody else's refills would wait behind somebody who asks again and again.
const SPENT_OUT: Duration = Duration::from_secs(1);

/// What one request took of a slice.
#[derive(Debug, Clone)]
struct Held {
    amount: u64,
    /// By whom, of what is settled in the end. `None` where all of it is used from the beginning.
    holder: Option<Holder>,
}

impl Slice {
    pub(crate) fn new(number: u64, limit: u64, now: Instant) -> Self {
        Self {
            number,
            limit,
            granted: 0,
            held: 0,
            spent: 0,
            reported: 0,
            reported_reserved: 0,
            unanswered: false,
            elsewhere: 0,
            holders: HashMap::new(),
            valid_until: now,
            last_used: now,
            spent_out: None,
        }
    }

    /// How much more the database would have to grant for this to pass.
    pub(crate) fn missing(&self, amount: u64, now: Instant) -> u64 {
        // What was granted is void after its time, what was spent is spent.
        let granted = if now < self.valid_until { self.granted } else { self.granted.min(self.spent) };
        (self.spent + amount).saturating_sub(granted)
    }

    /// The database has said that so much more cannot be had before the window ends.
    pub(crate) fn is_spent_out(&mut self, missing: u64, now: Instant) {
        self.spent_out = Some((missing, now + SPENT_OUT));
    }

    /// Whether it would say so again.
    pub(crate) fn refuses(&self, amount: u64, now: Instant) -> bool {
        self.spent_out.is_some_and(|(missing, until)| now < until && self.missing(amount, now) >= missing)
    }

    /// Spends it at once: what one is used when it comes, however it ends.
    pub(crate) fn spend(&mut self, amount: u64, holder: &Holder, now: Instant) {
        self.take(amount, holder.id, None, now);
    }

    /// Sets it aside, to be settled in the end.
    pub(crate) fn reserve(&mut self, amount: u64, holder: &Holder, now: Instant) {
        self.take(amount, holder.id, Some(holder.clone()), now);
    }

    fn take(&mut self, amount: u64, id: u64, holder: Option<Holder>, now: Instant) {
        self.spent += amount;
        self.holders.insert(id, Held { amount, holder });
        self.last_used = now;
    }

    /// A request is over. What it has used may be more than it had reserved, if that was only estimated.
    pub(crate) fn settle(&mut self, id: u64) {
        let Some(Held { amount, holder }) = self.holders.remove(&id) else { return };
        let used = holder.map_or(amount, |holder| holder.used());
        self.spent = (self.spent + used).saturating_sub(amount);
    }

    /// Of what is spent, so much is only set aside for requests that run.
    pub(crate) fn reserved(&self) -> u64 {
        let unused = |held: &Held| held.holder.as_ref().map_or(0, |holder| held.amount.saturating_sub(holder.used()));
        self.holders.values().map(unused).sum()
    }

    /// A new limit. Under a lower one, nothing that was granted under the old one may be spent any more.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        if limit < self.limit {
            self.give_back();
        }
        if limit != self.limit {
            self.spent_out = None;
        }
        self.limit = limit;
    }

    /// What is not spent goes back with the next report.
    pub(crate) fn give_back(&mut self) {
        self.granted = self.granted.min(self.spent);
    }

    /// What it holds and no request does, goes back with the next report, unless a request runs.
    pub(crate) fn rest(&mut self) {
        if self.holders.is_empty() {
            self.give_back();
        }
    }

    /// Whether the database has something to learn.
    pub(crate) fn has_news(&self) -> bool {
        self.unanswered
            || self.spent != self.reported
            || self.granted != self.held
            || self.reserved() != self.reported_reserved
    }

    /// Whether the database has to hear soon that what is held is still in use.
    pub(crate) fn has_to_be_renewed(&self, now: Instant, lease: Duration) -> bool {
        let holds = self.granted > self.spent || !self.holders.is_empty();
        holds && self.valid_until.saturating_duration_since(now) < lease / 2
    }

    /// Nothing is held, and the database knows all.
    pub(crate) fn is_settled(&self) -> bool {
        self.holders.is_empty() && self.granted == self.spent && !self.has_news()
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
        (Slice { granted: amount, valid_until, ..Slice::new(0, 100, now) }, now)
    }

    /// A request that has used so many tokens.
    fn holder(used: u64) -> Holder {
        let holder = Holder::new(1);
        holder.use_up(used);
        holder
    }

    #[test]
    fn what_is_granted_can_be_spent_and_no_more() {
        let (mut slice, now) = granted(10);
        assert_eq!(slice.missing(10, now), 0);
        slice.spend(7, &holder(0), now);
        assert_eq!(slice.missing(4, now), 1);
    }

    #[test]
    fn what_was_not_used_can_be_spent_again() {
        let (mut slice, now) = granted(10);
        slice.reserve(10, &holder(3), now);
        assert_eq!((slice.spent, slice.reserved()), (10, 7));
        slice.settle(1);
        assert_eq!((slice.spent, slice.reserved(), slice.missing(7, now)), (3, 0, 0));
    }

    #[test]
    fn more_than_was_reserved_is_owed() {
        let (mut slice, now) = granted(10);
        slice.reserve(10, &holder(12), now);
        assert_eq!(slice.reserved(), 0);
        slice.settle(1);
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
        slice.spend(4, &holder(0), now);
        slice.set_limit(5);
        assert_eq!((slice.granted, slice.missing(1, now)), (4, 1));
    }
}
