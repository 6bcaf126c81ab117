//! The handle that everybody holds.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::{AddressGate, AddressLimit};
use crate::caller::Caller;
use crate::clock::{Clock, from_millis, millis};
use crate::error::{Error, Result};
use crate::keys::{Directory, KeyFileError, Listed, Organization};
use crate::limits::OrganizationLimits;
use crate::quota::{Quotas, Reservation, Standing, asks};
use crate::secret::Secret;
use crate::store::{Store, StoreError};
use crate::usage::{Entry, Ledger};

/// Counts are at most so far behind in the database.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// How many reports are between two rounds of forgetting what is old.
const REPORTS_BETWEEN_CLEANINGS: u32 = 60;
/// Longer than any window.
const KEEP_COUNTERS: Duration = Duration::from_hours(24 * 62);
/// Each key that has a limit a minute makes a row of each.
const KEEP_MINUTES: Duration = Duration::from_hours(1);
/// The longest that a shutdown waits for what is being written, and for the last report behind it.
const LAST_REPORT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Settings {
    pub listed: Vec<Listed>,
    pub organizations: Vec<Organization>,
    pub keys_file: Option<PathBuf>,
    pub addresses: Addresses,
    /// For every organisation. If nothing was set: [`OrganizationLimits::STANDARD`] once there is a key, none before.
    pub organization_limits: Option<OrganizationLimits>,
    /// Quotas only say whom they would have refused.
    pub shadow: bool,
    /// How long rows of the ledger are kept.
    pub keep_ledger: Duration,
    pub clock: Clock,
}

/// How often one address may ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addresses {
    /// [`AddressLimit::STANDARD`] once there is a key, as often as it likes before.
    #[default]
    Standard,
    Limited(AddressLimit),
    Unlimited,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listed: Vec::new(),
            organizations: Vec::new(),
            keys_file: None,
            addresses: Addresses::Standard,
            organization_limits: None,
            shadow: false,
            keep_ledger: Duration::from_hours(24 * 90),
            clock: Clock::default(),
        }
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
    stop: CancellationToken,
    upkeep: TaskTracker,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    directory: Directory,
    gate: Option<AddressGate>,
    /// The gate stands open until there is a key.
    gate_needs_key: bool,
    quotas: Arc<Quotas>,
    ledger: Ledger,
    keep_ledger: Duration,
    clock: Clock,
}

/// Why the accounts cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    KeysFile(#[from] KeyFileError),
    #[error("the database of keys cannot be read")]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Starts the task that reports to the database; [`close`](Self::close) ends it.
    pub async fn open(store: Store, settings: Settings) -> Result<Self, OpenError> {
        let Settings { listed, organizations, keys_file, addresses, organization_limits, shadow, keep_ledger, clock } =
            settings;
        let directory =
            Directory::open(store.clone(), clock.clone(), organization_limits, listed, organizations, keys_file)?;
        directory.look_for_keys().await?;
        let limit = match addresses {
            Addresses::Standard => Some(AddressLimit::STANDARD),
            Addresses::Limited(limit) => Some(limit),
            Addresses::Unlimited => None,
        };
        let quotas = Arc::new(Quotas::new(Arc::new(store.clone()), clock.clone(), shadow));
        let inner = Arc::new(Inner {
            store,
            directory,
            gate: limit.map(AddressGate::new),
            gate_needs_key: addresses == Addresses::Standard,
            quotas,
            ledger: Ledger::default(),
            keep_ledger,
            clock,
        });
        let (stop, upkeep) = (CancellationToken::new(), TaskTracker::new());
        upkeep.spawn(Arc::clone(&inner).keep_up(stop.clone()));
        upkeep.close();
        Ok(Self { inner, stop, upkeep })
    }

    /// Whether this address may ask now. Comes first: it costs nothing, and guards what does.
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        let inner = &self.inner;
        let Some(gate) = inner.gate.as_ref().filter(|_| !inner.gate_needs_key || inner.directory.is_closed()) else {
            return Ok(());
        };
        gate.check(address).map_err(|retry_after| Error::RateLimited {
            what: "requests from this address",
            retry_after,
            standing: Box::new(Standing::default()),
        })
    }

    /// Whose key it is. Where there are no keys at all, everybody is let in, with any key or none.
    pub async fn identify(&self, key: Option<&Secret>) -> Result<Caller> {
        self.inner.directory.identify(key).await
    }

    /// Sets aside one request and so many tokens, the most that it can take, in every quota that it is held to, or in none.
    pub async fn reserve(&self, caller: &Caller, tokens: u64) -> Result<Reservation> {
        self.set_aside(caller, 1, tokens).await
    }

    /// Sets aside more tokens for a request that was counted before.
    pub async fn reserve_more(&self, caller: &Caller, tokens: u64) -> Result<Reservation> {
        self.set_aside(caller, 0, tokens).await
    }

    async fn set_aside(&self, caller: &Caller, requests: u64, tokens: u64) -> Result<Reservation> {
        let asks = asks(caller, requests, tokens, self.inner.clock.now());
        self.inner.quotas.reserve(asks).await
    }

    /// Notes a request that is over. Never waits: it is written within a second, if there is somewhere to write it.
    pub fn record(&self, entry: Entry) {
        if self.inner.store.is_kept() {
            self.inner.ledger.push(entry);
        }
    }

    /// Rows of the ledger that could not be written and were dropped.
    pub fn lost_entries(&self) -> u64 {
        self.inner.ledger.lost()
    }

    /// Whether a key is needed.
    pub fn is_closed(&self) -> bool {
        self.inner.directory.is_closed()
    }

    /// Whether the database answered when it was last asked, at most seconds ago.
    pub fn is_available(&self) -> bool {
        self.inner.directory.is_available()
    }

    /// Writes what is not written yet, and gives back what is not spent. What comes after that is not counted.
    pub async fn close(&self) {
        self.stop.cancel();
        let inner = &self.inner;
        let last_words = async {
            self.upkeep.wait().await;
            let reported = inner.quotas.report(true).await;
            reported.and(inner.ledger.write(&inner.store).await)
        };
        match timeout(LAST_REPORT, last_words).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = error.whole(), "the last counts could not be written"),
            Err(_) => tracing::error!("the last counts could not be written in time"),
        }
        inner.store.close().await;
    }
}

impl Inner {
    async fn keep_up(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(REPORT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            self.note(self.report().await);
            if round % REPORTS_BETWEEN_CLEANINGS == 0 {
                self.note(self.clean().await);
            }
            round += 1;
        }
    }

    /// None of these waits for another, so that all of them together wait for a database that is gone no longer than one does.
    async fn report(&self) -> Result<(), StoreError> {
        self.directory.read_files();
        let (counts, rows, keys) =
            tokio::join!(self.quotas.report(false), self.ledger.write(&self.store), self.directory.look_for_keys());
        counts.and(rows).and(keys)
    }

    async fn clean(&self) -> Result<(), StoreError> {
        // Rows were dated by this clock or those of other replicas. One that is ahead must not forget what the others count with.
        let now = self.clock.now().min(from_millis(self.store.time().await?));
        self.store.forget_entries(millis(now - self.keep_ledger)).await?;
        self.store.forget_counters(millis(now - KEEP_COUNTERS) / 1000, millis(now - KEEP_MINUTES) / 1000).await
    }

    /// Says once that the database is gone, and once that it is back.
    fn note(&self, outcome: Result<(), StoreError>) {
        let was_available = self.directory.note_available(outcome.is_ok());
        match outcome {
            Err(error) if was_available => {
                tracing::error!(error = error.whole(), "the database of accounts does not answer");
            }
            Ok(()) if !was_available => tracing::info!("the database of accounts answers again"),
            _ => {}
        }
    }
}
