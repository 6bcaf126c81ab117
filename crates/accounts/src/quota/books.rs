//! All slices of this process: a request is held to several, and takes from all of them or from none.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::holder::Holder;
use super::line::{Line, Refused, Settled};
use super::slice::Slice;
use super::standing::{Gauge, Standing};
use super::{Ask, Counter};
use crate::limits::Unit;

/// A slice that nobody has used for so long goes back.
const IDLE: Duration = Duration::from_secs(5);

/// What is given back of what no request holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    pub(crate) all: bool,
    /// What nobody has used for some time.
    pub(crate) idle: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    slices: HashMap<Counter, Slice>,
    /// How many slices there ever were.
    numbers: u64,
}

impl Books {
    /// Takes what is asked from every slice, or from none if one of them does not suffice.
    pub(crate) fn spend(&mut self, asks: &[Ask], holder: &Holder, now: Instant) -> bool {
        let suffices = asks.iter().all(|ask| self.slice(ask, now).missing(ask.amount, now) == 0);
        if suffices {
            self.spend_anyway(asks, holder, now);
        }
        suffices
    }

    /// Takes it, whatever is left.
    pub(crate) fn spend_anyway(&mut self, asks: &[Ask], holder: &Holder, now: Instant) {
        for ask in asks {
            let slice = self.slice(ask, now);
            match ask.counter.unit {
                Unit::Requests => slice.spend(ask.amount, holder, now),
                Unit::Tokens => slice.reserve(ask.amount, holder, now),
            }
        }
    }

    /// Ends a request that `asks` were taken for.
    pub(crate) fn settle(&mut self, asks: &[Ask], holder: &Holder) {
        for ask in asks {
            if let Some(slice) = self.slices.get_mut(&ask.counter) {
                slice.settle(holder.id);
            }
        }
    }

    /// What has to be had from the database before `asks` can be spent.
    pub(crate) fn short(&mut self, asks: &[Ask], now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        for ask in asks {
            let slice = self.slice(ask, now);
            if slice.missing(ask.amount, now) > 0 {
                let needed = slice.spent + ask.amount;
                lines.push(line(&ask.counter, slice, Some(needed)));
            }
        }
        lines
    }

    /// Of these, what the database has just said to be spent.
    pub(crate) fn spent_out(&mut self, asks: &[Ask], now: Instant) -> Vec<(Counter, u64)> {
        let refuses = |ask: &&Ask| self.slice(ask, now).refuses(ask.amount, now);
        asks.iter().filter(refuses).map(|ask| (ask.counter.clone(), ask.limit)).collect()
    }

    /// What the database has to hear now: what was spent, what is given back, and that the rest is still in use.
    pub(crate) fn due(&mut self, now: Instant, today: SystemTime, lease: Duration, rest: Rest) -> Vec<Line> {
        self.slices.retain(|counter, slice| !counter.window.is_over(today) || !slice.is_settled());
        let mut lines = Vec::new();
        for (counter, slice) in &mut self.slices {
            let is_idle = rest.idle && now.duration_since(slice.last_used) >= IDLE;
            if rest.all || is_idle || counter.window.is_over(today) {
                slice.rest();
            }
            if slice.has_news() || slice.has_to_be_renewed(now, lease) {
                lines.push(line(counter, slice, None));
            }
        }
        lines
    }

    /// Takes over what the database said to a line. What was granted may be spent until `valid_until`.
    pub(crate) fn apply(&mut self, line: &Line, settled: &Settled, valid_until: Instant, now: Instant) {
        let Some(slice) = self.slices.get_mut(&line.counter).filter(|slice| slice.number == line.slice) else { return };
        slice.held = settled.granted;
        slice.granted = settled.granted;
        slice.reported = line.spent;
        slice.reported_reserved = line.reserved;
        slice.unanswered = false;
        slice.elsewhere = settled.elsewhere;
        slice.valid_until = valid_until;
        if let Some(needed) = line.needed.filter(|_| settled.refused == Some(Refused::Spent)) {
            slice.is_spent_out(needed.saturating_sub(settled.granted), now);
        }
        if settled.wanted || slice.limit != line.limit {
            slice.give_back();
        }
    }

    /// How much is left of what these are held to.
    pub(crate) fn standing(&self, asks: &[Ask], today: SystemTime) -> Standing {
        let mut standing = Standing::default();
        for ask in asks {
            let remaining = self.slices.get(&ask.counter).map_or(ask.limit, Slice::remaining);
            let gauge = Gauge { limit: ask.limit, remaining, reset: ask.counter.window.left(today) };
            let shown = match ask.counter.unit {
                Unit::Requests => &mut standing.requests,
                Unit::Tokens => &mut standing.tokens,
            };
            *shown = Some(gauge.tighter(*shown));
        }
        standing
    }

    fn slice(&mut self, ask: &Ask, now: Instant) -> &mut Slice {
        let slice = self.slices.entry(ask.counter.clone()).or_insert_with(|| {
            self.numbers += 1;
            Slice::new(self.numbers, ask.limit, now)
        });
        slice.set_limit(ask.limit);
        slice
    }
}

/// From here on the database may know it, whether it answers or not.
fn line(counter: &Counter, slice: &mut Slice, needed: Option<u64>) -> Line {
    slice.unanswered = true;
    Line {
        counter: counter.clone(),
        slice: slice.number,
        limit: slice.limit,
        granted: slice.granted,
        spent: slice.spent,
        reserved: slice.reserved(),
        reported: slice.reported,
        needed,
    }
}
