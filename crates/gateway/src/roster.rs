//! Who of the servers is asked next, and who waits meanwhile.
//!
//! A request that goes to a server holds a [`Seat`] there until it has ended, however it ends. Where every server has as many as it
//! takes, requests wait in the order in which they came: so many, and so long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Error, Result, UpstreamReading};
use tokio::time::{Instant, sleep_until};

use crate::balance::{Candidate, Chooser};
use crate::breaker::Pass;
use crate::budget::RetryBudget;
use crate::chance::Chance;
use crate::failure::{Failure, RETRY_AFTER};
use crate::queue::{Queue, Waiting};
use crate::settings::{Balance, UpstreamSettings};
use crate::standing::Standing;

#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) upstreams: Vec<UpstreamSettings>,
    desk: Mutex<Desk>,
    max_queued: usize,
    queue_timeout: Duration,
}

#[derive(Debug)]
struct Desk {
    /// In the order of `upstreams`.
    standings: Vec<Standing>,
    chooser: Chooser,
    budget: RetryBudget,
    queue: Queue,
}

/// What can be done for a request now.
#[derive(Debug, PartialEq, Eq)]
enum Pick {
    Take(usize),
    /// Every server that could answer has as much as it takes. Another one may be there then.
    Full(Option<Instant>),
    /// None can be asked before then.
    Closed(Option<Instant>),
}

impl Roster {
    pub(crate) fn new(
        upstreams: Vec<UpstreamSettings>,
        balance: Balance,
        max_queued: usize,
        queue_timeout: Duration,
    ) -> Arc<Self> {
        let desk = Desk {
            standings: upstreams.iter().map(Standing::of).collect(),
            chooser: Chooser::new(balance, upstreams.len(), Chance::new()),
            budget: RetryBudget::default(),
            queue: Queue::default(),
        };
        Arc::new(Self { upstreams, desk: Mutex::new(desk), max_queued, queue_timeout })
    }

    /// A place at a server; waits for one within bounds, behind those who wait already. `key` stands for the beginning of the prompt.
    pub(crate) async fn seat(self: &Arc<Self>, key: u64) -> Result<Seat> {
        let place = {
            let mut desk = self.desk();
            desk.budget.deposit();
            if desk.queue.is_empty()
                && let Ok(seat) = self.take(&mut desk, key)?
            {
                return Ok(seat);
            }
            Place::take(self, &mut desk)?
        };
        place.wait(key).await
    }

    /// A place at another server than these, if one is free and the budget of retries allows it. Where there is only one server, it
    /// is that one. Nobody waits for it: whoever asks again had their turn.
    pub(crate) fn another(self: &Arc<Self>, key: u64, tried: &[usize]) -> Option<Seat> {
        let (tried, now) = (if self.upstreams.len() > 1 { tried } else { &[] }, Instant::now());
        let mut desk = self.desk();
        let Pick::Take(index) = desk.pick(&self.upstreams, key, tried, false, now) else { return None };
        desk.budget.withdraw().then(|| self.sit(&mut desk, index, now))
    }

    /// Or when to look again.
    fn take(self: &Arc<Self>, desk: &mut Desk, key: u64) -> Result<Result<Seat, Option<Instant>>> {
        let now = Instant::now();
        match desk.pick(&self.upstreams, key, &[], true, now) {
            Pick::Take(index) => Ok(Ok(self.sit(desk, index, now))),
            Pick::Full(until) => Ok(Err(until)),
            Pick::Closed(until) => Err(Error::Unavailable {
                reason: "no server behind this model can answer".into(),
                retry_after: until.map_or(RETRY_AFTER, |until| until.saturating_duration_since(now)),
            }),
        }
    }

    fn sit(self: &Arc<Self>, desk: &mut Desk, index: usize, now: Instant) -> Seat {
        let pass = desk.standings[index].take(now);
        Seat { roster: Arc::clone(self), index, request: 0, in_one_piece: false, pass: Some(pass), waits_since: Some(now) }
    }

    /// A look at a server has shown that it is well, or is not: whether it is asked from now on.
    pub(crate) fn seen(&self, index: usize, well: bool) -> bool {
        let (changed, up) = {
            let health = &mut self.desk().standings[index].health;
            (health.seen(well), health.is_up())
        };
        if changed {
            let upstream = self.upstreams[index].address.to_string();
            if well {
                tracing::info!(upstream, "the server is well");
            } else {
                tracing::warn!(upstream, "the server does not say that it is well: nothing is sent to it");
            }
            self.desk().queue.call();
        }
        up
    }

    pub(crate) fn readings(&self) -> Vec<UpstreamReading> {
        let (desk, now) = (self.desk(), Instant::now());
        self.upstreams.iter().zip(&desk.standings).map(|(settings, standing)| standing.reading(settings, now)).collect()
    }

    /// Requests at servers, and requests that wait.
    pub(crate) fn load(&self) -> (u32, u32) {
        let desk = self.desk();
        (desk.standings.iter().map(|standing| standing.in_flight).sum(), desk.queue.len() as u32)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Of the servers that can be asked and have room, those first that have not asked to be left alone, or with `resting: false` those
    /// alone.
    fn pick(&mut self, upstreams: &[UpstreamSettings], key: u64, tried: &[usize], resting: bool, now: Instant) -> Pick {
        let mut candidates: Vec<(bool, Candidate)> = Vec::with_capacity(upstreams.len());
        let (mut any_open, mut next) = (false, None);
        for (index, (standing, settings)) in self.standings.iter().zip(upstreams).enumerate() {
            if tried.contains(&index) {
            } else if !standing.is_open(now) {
                next = next.into_iter().chain([standing.opens_at(now)]).min();
            } else if standing.has_room(settings) {
                candidates.push((standing.rests(now), standing.candidate(index, settings, now)));
            } else {
                any_open = true;
            }
        }
        let fresh: Vec<_> = candidates.iter().filter(|(rests, _)| !rests).map(|(_, candidate)| *candidate).collect();
        let all = || candidates.iter().map(|(_, candidate)| *candidate).collect();
        let chosen = self.chooser.choose(&if fresh.is_empty() && resting { all() } else { fresh }, key);
        match chosen {
            Some(index) => Pick::Take(index),
            None if any_open => Pick::Full(next),
            None => Pick::Closed(next),
        }
    }
}

/// A request's place at a server. Whatever becomes of the request, the server has one less to do when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    roster: Arc<Roster>,
    pub(crate) index: usize,
    /// Stands for what is asked.
    request: u64,
    /// The answer comes in one piece.
    in_one_piece: bool,
    /// Until it is known how the request went.
    pass: Option<Pass>,
    /// Until an answer begins.
    waits_since: Option<Instant>,
}

impl Seat {
    pub(crate) fn upstream(&self) -> &UpstreamSettings {
        &self.roster.upstreams[self.index]
    }

    pub(crate) fn asks(&mut self, request: u64) {
        self.request = request;
    }

    /// The answer comes in one piece, when all of it was made: how long that takes is no word on how busy the server is.
    pub(crate) fn waits_for_all(&mut self) {
        self.waits_since = None;
        self.in_one_piece = true;
    }

    /// The server has begun a stream.
    pub(crate) fn began(&mut self, took: Duration) {
        self.waits_since = None;
        self.roster.desk().standings[self.index].began(took, Instant::now());
        self.answers();
    }

    /// The server has begun to answer.
    pub(crate) fn answers(&mut self) {
        let mut desk = self.roster.desk();
        if let Some(pass) = &mut self.pass {
            let standing = &mut desk.standings[self.index];
            if self.in_one_piece { standing.is_there(pass) } else { standing.answered(pass, Instant::now()) }
        }
        // It may have been the one request that tries whether the server is well again.
        desk.queue.call();
    }

    /// The answer is whole. `told`: with what it cost.
    pub(crate) fn succeeded(&mut self, told: bool) {
        let mut desk = self.roster.desk();
        let standing = &mut desk.standings[self.index];
        standing.without_usage += u64::from(!told);
        if let Some(pass) = self.pass.as_mut().filter(|_| self.in_one_piece) {
            standing.answered(pass, Instant::now());
        }
        self.pass.take().into_iter().for_each(|pass| standing.succeeded(pass));
    }

    pub(crate) fn failed(&mut self, failure: &Failure) {
        let mut desk = self.roster.desk();
        let standing = &mut desk.standings[self.index];
        self.pass.take().into_iter().for_each(|pass| standing.failed(pass, failure, self.request, Instant::now()));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let (mut desk, now) = (self.roster.desk(), Instant::now());
        let standing = &mut desk.standings[self.index];
        standing.in_flight -= 1;
        let waited = self.waits_since.map(|since| now.saturating_duration_since(since));
        self.pass.take().into_iter().for_each(|pass| standing.given_up(pass, waited, now));
        // Also where the server is gone: nobody else may be left to wait for, and whoever hears that lets the next one hear it.
        desk.queue.call();
    }
}

/// A place in the queue, which is left when this is dropped.
struct Place<'a> {
    roster: &'a Arc<Roster>,
    waiting: Waiting,
}

impl<'a> Place<'a> {
    fn take(roster: &'a Arc<Roster>, desk: &mut Desk) -> Result<Self> {
        if desk.queue.len() >= roster.max_queued {
            let reason = "too many requests wait for the servers behind this model";
            return Err(Error::QueueFull { reason, retry_after: RETRY_AFTER });
        }
        Ok(Self { roster, waiting: desk.queue.enter() })
    }

    async fn wait(self, key: u64) -> Result<Seat> {
        let gives_up_at = Instant::now() + self.roster.queue_timeout;
        loop {
            let look_again_at = match self.look(key)? {
                Ok(seat) => return Ok(seat),
                Err(at) => at.map_or(gives_up_at, |at| at.min(gives_up_at)),
            };
            tokio::select! {
                () = self.waiting.called.notified() => {}
                () = sleep_until(look_again_at) => {}
            }
            if Instant::now() >= gives_up_at {
                let reason = "no server behind this model became free in time";
                return Err(Error::QueueFull { reason, retry_after: RETRY_AFTER });
            }
        }
    }

    /// A seat, if it is this one's turn; or when to look again.
    fn look(&self, key: u64) -> Result<Result<Seat, Option<Instant>>> {
        let mut desk = self.roster.desk();
        if desk.queue.is_first(&self.waiting) { self.roster.take(&mut desk, key) } else { Ok(Err(None)) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.roster.desk().queue.leave(&self.waiting);
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
