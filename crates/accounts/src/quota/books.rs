//! All slices of this process: a request is held to several, and takes from all of them or from none.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::line::{Line, Settled};
use super::slice::Slice;
use super::standing::{Gauge, Standing};
use super::{Ask, Counter};
use crate::limits::Unit;

/// A slice that nobody has used for so long goes back.
const IDLE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Books {
    slices: HashMap<Counter, Slice>,
}

impl Books {
    /// Takes what is asked from every slice, or from none if one of them does not suffice.
    pub(crate) fn spend(&mut self, asks: &[Ask], now: Instant) -> bool {
        let suffices = asks.iter().all(|ask| self.slice(ask, now).missing(ask.amount, now) == 0);
        if suffices {
            self.spend_anyway(asks, now);
        }
        suffices
    }

    /// Takes it, whatever is left.
    pub(crate) fn spend_anyway(&mut self, asks: &[Ask], now: Instant) {
        for ask in asks {
            self.slice(ask, now).spend(ask.amount, now);
        }
    }

    /// Ends a request that had spent `asks` and has used so many tokens.
    pub(crate) fn settle(&mut self, asks: &[Ask], tokens: u64) {
        for ask in asks {
            let used = match ask.counter.unit {
                // A request that was let in was one, however it ended.
                Unit::Requests => ask.amount,
                Unit::Tokens => tokens,
            };
            if let Some(slice) = self.slices.get_mut(&ask.counter) {
                slice.settle(ask.amount, used);
            }
        }
    }

    /// What has to be had from the database before `asks` can be spent.
    pub(crate) fn short(&mut self, asks: &[Ask], now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        for ask in asks {
            let slice = self.slice(ask, now);
            if slice.missing(ask.amount, now) > 0 {
                lines.push(line(&ask.counter, slice, Some(slice.spent + ask.amount), false));
            }
        }
        lines
    }

    /// What the database has to hear now: what was spent, what is given back, and that the rest is still in use. With `all`,
    /// everything is given back that no request holds.
    pub(crate) fn due(&mut self, now: Instant, today: SystemTime, lease: Duration, all: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        for (counter, slice) in &mut self.slices {
            let idle = all || now.duration_since(slice.last_used) >= IDLE || counter.window.is_over(today);
            let closing = idle && slice.open == 0;
            let expires_soon = slice.valid_until.saturating_duration_since(now) < lease / 2;
            if closing {
                slice.give_back();
            }
            if closing || expires_soon || slice.has_news() {
                lines.push(line(counter, slice, None, closing));
            }
        }
        lines
    }

    /// Takes over what the database said to a line. What was granted may be spent until `valid_until`.
    pub(crate) fn apply(&mut self, line: &Line, settled: &Settled, valid_until: Instant) {
        let Some(slice) = self.slices.get_mut(&line.counter) else { return };
        if line.closing && slice.open == 0 && slice.spent == line.spent {
            self.slices.remove(&line.counter);
            return;
        }
        slice.held = settled.granted;
        slice.granted = settled.granted;
        slice.reported = line.spent;
        slice.elsewhere = settled.elsewhere;
        // Somebody has come meanwhile, and the database holds nothing for us any more.
        slice.valid_until = if line.closing { slice.valid_until } else { valid_until };
        if settled.wanted || line.closing || slice.limit != line.limit {
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
        let slice = self.slices.entry(ask.counter.clone()).or_insert_with(|| Slice::new(ask.limit, now));
        slice.set_limit(ask.limit);
        slice
    }
}

fn line(counter: &Counter, slice: &Slice, needed: Option<u64>, closing: bool) -> Line {
    Line {
        counter: counter.clone(),
        limit: slice.limit,
        granted: slice.granted,
        spent: slice.spent,
        reported: slice.reported,
        needed,
        closing,
    }
}
