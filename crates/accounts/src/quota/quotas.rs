//! Spends in memory, and asks the database only when a slice runs out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::books::Books;
use super::line::{Line, Refused, Settled};
use super::{Ask, Counter, Reservation, Standing};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::limits::Unit;
use crate::store::{Store, StoreError};

/// How long a slice is this process's if the database hears nothing of it. Until then it can spend what it holds while the
/// database is down, and nobody else can have it should it have died.
pub(crate) const LEASE: Duration = Duration::from_mins(1);
/// The database counts longer, so that nobody spends what is given to somebody else.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// The longest that a request waits for the database.
const WAIT: Duration = Duration::from_secs(2);
/// When others who hold what is left will have given it back.
const GIVEN_BACK: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Quotas {
    /// Held for a few steps, never across an await.
    books: Mutex<Books>,
    /// Who talks to the database: one at a time, so that nobody gives back what another has just been granted.
    turn: tokio::sync::Mutex<()>,
    store: Store,
    /// This process, as the database knows it. A new one each time: what a former one held runs out by itself.
    replica: String,
    clock: Clock,
    /// Only says whom it would have refused.
    shadow: bool,
}

impl Quotas {
    pub(crate) fn new(store: Store, clock: Clock, shadow: bool) -> Self {
        let replica = Uuid::new_v4().simple().to_string();
        Self { books: Mutex::default(), turn: tokio::sync::Mutex::default(), store, replica, clock, shadow }
    }

    /// Sets aside all of it, or nothing.
    pub(crate) async fn reserve(self: &Arc<Self>, asks: Vec<Ask>) -> Result<Reservation> {
        let shadowed = match self.admit(&asks).await {
            Ok(()) => None,
            Err(refusal) if self.shadow => {
                tracing::warn!(%refusal, "would have been refused");
                self.books().spend_anyway(&asks, Instant::now());
                Some(refusal)
            }
            Err(refusal) => return Err(refusal),
        };
        let standing = self.standing(&asks);
        Ok(Reservation::new(Arc::clone(self), asks, standing, shadowed))
    }

    async fn admit(&self, asks: &[Ask]) -> Result<()> {
        can_ever_fit(asks)?;
        if self.books().spend(asks, Instant::now()) {
            return Ok(());
        }
        timeout(WAIT, self.refill(asks)).await.unwrap_or_else(|_| Err(unavailable()))
    }

    /// Takes a slice of each quota of which too little is at hand, and spends of them.
    async fn refill(&self, asks: &[Ask]) -> Result<()> {
        let _turn = self.turn.lock().await;
        loop {
            let lines = {
                let (mut books, now) = (self.books(), Instant::now());
                // Whoever had the turn before may have taken enough for us.
                if books.spend(asks, now) {
                    return Ok(());
                }
                books.short(asks, now)
            };
            let settled = self.exchange(&lines).await.map_err(|error| {
                tracing::error!(error = error.whole(), "the database of quotas does not answer");
                unavailable()
            })?;
            if let Some(refusal) = self.refusal(asks, &lines, &settled) {
                return Err(refusal);
            }
        }
    }

    /// Tells the database what is so here, and takes over what it answers. Needs the turn.
    async fn exchange(&self, lines: &[Line]) -> Result<Vec<Settled>, StoreError> {
        let asked = Instant::now();
        let settled = self.store.exchange(&self.replica, LEASE + LEASE_MARGIN, lines).await?;
        let mut books = self.books();
        for (line, settled) in lines.iter().zip(&settled) {
            books.apply(line, settled, asked + LEASE);
        }
        Ok(settled)
    }

    /// Reports what was spent since the last time, and gives back what is not needed; with `all`, everything.
    pub(crate) async fn report(&self, all: bool) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let lines = self.books().due(Instant::now(), self.clock.now(), LEASE, all);
        for batch in lines.chunks(Store::MOST_LINES) {
            self.exchange(batch).await?;
        }
        Ok(())
    }

    pub(super) fn settle(&self, asks: &[Ask], tokens: u64) {
        self.books().settle(asks, tokens);
    }

    fn standing(&self, asks: &[Ask]) -> Standing {
        self.books().standing(asks, self.clock.now())
    }

    /// The refusal that ends last: before that, another try would be refused again.
    fn refusal(&self, asks: &[Ask], lines: &[Line], settled: &[Settled]) -> Option<Error> {
        let now = self.clock.now();
        let refused = lines.iter().zip(settled).filter_map(|(line, settled)| {
            let wait = match settled.refused? {
                Refused::Spent => line.counter.window.left(now),
                Refused::HeldByOthers => GIVEN_BACK.min(line.counter.window.left(now)),
            };
            Some((wait, settled.refused == Some(Refused::Spent), line))
        });
        let (retry_after, spent, line) = refused.max_by_key(|(wait, ..)| *wait)?;
        let standing = Box::new(self.standing(asks));
        Some(if spent && !line.counter.is_rate() {
            Error::QuotaSpent { what: line.counter.what(), limit: line.limit, retry_after, standing }
        } else {
            Error::RateLimited { what: plural(&line.counter), retry_after, standing }
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing in there panics half way; should it, counting on is better than refusing everybody.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is larger than a whole quota never passes, and should not be told to come again. A quota of nothing is not
/// the request's fault.
fn can_ever_fit(asks: &[Ask]) -> Result<()> {
    let hopeless = |ask: &&Ask| ask.counter.unit == Unit::Tokens && ask.limit > 0 && ask.amount > ask.limit;
    asks.iter()
        .find(hopeless)
        .map_or(Ok(()), |ask| Err(Error::TooLarge { what: ask.counter.what(), asked: ask.amount, limit: ask.limit }))
}

fn plural(counter: &Counter) -> &'static str {
    match counter.unit {
        Unit::Requests => "requests",
        Unit::Tokens => "tokens",
    }
}

fn unavailable() -> Error {
    Error::Unavailable { reason: "quotas cannot be looked up just now", retry_after: Duration::from_secs(5) }
}
