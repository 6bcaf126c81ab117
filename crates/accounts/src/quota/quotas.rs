//! Spends in memory, and asks the database only when a slice runs out.

use std::slice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::books::{Books, Rest};
use super::holder::Holder;
use super::line::{Line, Refused, Settled};
use super::{Ask, Bank, Counter, Reservation, Standing};
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
/// When some of the requests that what is left is set aside for may be over.
const SETTLED: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Quotas {
    /// Held for a few steps, never across an await.
    books: Mutex<Books>,
    /// Who talks to the database: one at a time, so that nobody gives back what another has just been granted.
    turn: tokio::sync::Mutex<()>,
    bank: Arc<dyn Bank>,
    /// This process, as the database knows it. A new one each time: what a former one held runs out by itself.
    replica: String,
    /// The database answered the last time. While it does not, nothing is given back that could not be had again.
    answers: AtomicBool,
    /// How many requests there ever were.
    holders: AtomicU64,
    clock: Clock,
    /// Only says whom it would have refused.
    shadow: bool,
}

impl Quotas {
    pub(crate) fn new(bank: Arc<dyn Bank>, clock: Clock, shadow: bool) -> Self {
        let replica = Uuid::new_v4().simple().to_string();
        let (books, turn, holders) = (Mutex::default(), tokio::sync::Mutex::default(), AtomicU64::default());
        Self { books, turn, bank, replica, answers: AtomicBool::new(true), holders, clock, shadow }
    }

    /// Sets aside all of it, or nothing.
    pub(crate) async fn reserve(self: &Arc<Self>, asks: Vec<Ask>) -> Result<Reservation> {
        let holder = Holder::new(self.holders.fetch_add(1, Ordering::Relaxed));
        let shadowed = match self.admit(&asks, &holder).await {
            Ok(()) => None,
            Err(refusal) if self.shadow => {
                tracing::warn!(%refusal, "would have been refused");
                self.books().spend_anyway(&asks, &holder, Instant::now());
                Some(refusal)
            }
            Err(refusal) => return Err(refusal),
        };
        let standing = self.standing(&asks);
        Ok(Reservation::new(Arc::clone(self), asks, holder, standing, shadowed))
    }

    async fn admit(&self, asks: &[Ask], holder: &Holder) -> Result<()> {
        can_ever_fit(asks)?;
        if self.books().spend(asks, holder, Instant::now()) {
            return Ok(());
        }
        let spent = self.books().spent_out(asks, Instant::now());
        if let Some(refusal) = self.refusal(asks, spent.into_iter().map(|(counter, limit)| (counter, limit, Refused::Spent)))
        {
            return Err(refusal);
        }
        timeout(WAIT, self.refill(asks, holder)).await.unwrap_or_else(|_| Err(unavailable()))
    }

    /// Takes a slice of each quota of which too little is at hand, and spends of them.
    async fn refill(&self, asks: &[Ask], holder: &Holder) -> Result<()> {
        let _turn = self.turn.lock().await;
        loop {
            let lines = {
                let (mut books, now) = (self.books(), Instant::now());
                // Whoever had the turn before may have taken enough for us.
                if books.spend(asks, holder, now) {
                    return Ok(());
                }
                books.short(asks, now)
            };
            let settled = self.exchange(&lines).await.map_err(|error| {
                tracing::error!(error = error.whole(), "the database of quotas does not answer");
                unavailable()
            })?;
            let refused = lines.into_iter().zip(settled);
            let refused = refused.filter_map(|(line, settled)| Some((line.counter, line.limit, settled.refused?)));
            if let Some(refusal) = self.refusal(asks, refused) {
                return Err(refusal);
            }
        }
    }

    /// Tells the database what is so here, and takes over what it answers. Needs the turn.
    async fn exchange(&self, lines: &[Line]) -> Result<Vec<Settled>, StoreError> {
        let asked = Instant::now();
        let settled = self.bank.exchange(&self.replica, LEASE + LEASE_MARGIN, lines).await;
        self.answers.store(settled.is_ok(), Ordering::Relaxed);
        let settled = settled?;
        let mut books = self.books();
        for (line, settled) in lines.iter().zip(&settled) {
            books.apply(line, settled, asked + LEASE, Instant::now());
        }
        Ok(settled)
    }

    /// Reports what was spent since the last time, and gives back what is not needed; with `all`, everything.
    pub(crate) async fn report(&self, all: bool) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let rests = self.answers.load(Ordering::Relaxed);
        let lines = self.books().due(Instant::now(), self.clock.now(), LEASE, Rest { all, idle: rests });
        for batch in lines.chunks(Store::MOST_LINES) {
            self.exchange(batch).await?;
        }
        Ok(())
    }

    pub(super) fn settle(&self, asks: &[Ask], holder: &Holder) {
        self.books().settle(asks, holder);
    }

    fn standing(&self, asks: &[Ask]) -> Standing {
        self.books().standing(asks, self.clock.now())
    }

    /// The refusal that ends last: before that, another try would be refused again.
    fn refusal(&self, asks: &[Ask], refused: impl Iterator<Item = (Counter, u64, Refused)>) -> Option<Error> {
        let now = self.clock.now();
        let refused = refused.map(|(counter, limit, refused)| {
            let left = counter.window.left(now);
            let wait = match refused {
                Refused::Spent => left,
                Refused::HeldByOthers => GIVEN_BACK.min(left),
                Refused::SetAside => SETTLED.min(left),
            };
            (wait, refused, counter, limit)
        });
        let (retry_after, refused, counter, limit) = refused.max_by_key(|(wait, ..)| *wait)?;
        let standing = Box::new(self.standing(asks));
        let what = counter.what();
        Some(match refused {
            Refused::SetAside => Error::SetAside { what, limit, retry_after, standing },
            Refused::Spent if !counter.is_rate() => {
                let own = asks.iter().find(|ask| ask.counter == counter).map(slice::from_ref).unwrap_or_default();
                let left = self.standing(own).tokens.map_or(0, |gauge| gauge.remaining);
                let asked = own.first().map_or(0, |ask| ask.amount);
                Error::QuotaSpent { what, limit, asked, left, retry_after, standing }
            }
            Refused::Spent | Refused::HeldByOthers => Error::RateLimited { what: plural(&counter), retry_after, standing },
        })
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
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
