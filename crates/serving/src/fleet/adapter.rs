//! One adapter of a model: how it comes into memory, and how to get at it.
//!
//! It is loaded by the first request that wants it, once however many want it, on a thread of its own. Its files are read anew only
//! if it had to make room for others in between; another version of them is another adapter, under the same name.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Adapter, Error, ModelCard, ModelState, Result};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::news::News;
use super::shelf::{Place, Shelf};
use super::{AdaptError, Adapted, AdapterSource, Adapts, Bay, Lease, Member, OpenError};
use crate::Registered;
use crate::service::RETRY_AFTER;

/// When to look again whether there is room.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a failure is remembered, so that a broken file is not read for every request.
const PAUSE: Duration = Duration::from_secs(5);

const NEWEST: Adapt = |adapts, source, room| adapts.adapt(source, room);
const LAST_GOOD: Adapt = |adapts, source, room| {
    let none = || Err(AdaptError::Failed(OpenError::new("there is none")));
    adapts.adapt_last_good(source, room).unwrap_or_else(none)
};

#[derive(Debug)]
pub(super) struct Shelved {
    id: String,
    parent: Arc<Member>,
    source: AdapterSource,
    shelf: Arc<Shelf>,
    place: Place,
    /// One loads it at a time, and the others wait for that.
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    patience: Duration,
    latest: Mutex<Latest>,
    news: News,
}

/// What came of loading it the last time.
#[derive(Debug, Default)]
struct Latest {
    card: Option<ModelCard>,
    state: Option<String>,
    /// It is not tried again before then.
    failure: Option<(OpenError, Instant)>,
    /// So many bytes were not to be had.
    no_room_for: Option<u64>,
    /// The state of a newer version that cannot be loaded.
    broken: Option<(String, OpenError)>,
}

/// How an adapter is had from its files.
type Adapt = fn(&dyn Adapts, &AdapterSource, &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError>;

/// How long a request waits for an adapter, and how many may.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) wait: Duration,
    pub(super) most_waiting: usize,
}

impl Shelved {
    /// `None` for a model that cannot have any: it does not run here.
    pub(super) fn new(
        id: String,
        parent: Arc<Member>,
        source: AdapterSource,
        shelf: Arc<Shelf>,
        patience: Patience,
    ) -> Option<Self> {
        parent.bay()?;
        let place = shelf.place();
        let Patience { wait, most_waiting } = patience;
        let (turn, waiting) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(most_waiting)));
        let (latest, news) = (Mutex::default(), News::default());
        Some(Self { id, parent, source, shelf, place, turn, waiting, patience: wait, latest, news })
    }

    /// What is known of it; what it shares with its model is as it is there now.
    pub(super) fn card(&self) -> Arc<ModelCard> {
        let parent = self.parent.card();
        let known = self.latest().card.clone();
        let own = known.unwrap_or_else(|| ModelCard {
            description: "adapter".to_owned(),
            version: "unknown".to_owned(),
            size: 0,
            ..(*parent).clone()
        });
        Arc::new(ModelCard {
            id: self.id.clone(),
            parent: Some(parent.id.clone()),
            context_length: parent.context_length,
            task: parent.task,
            ..own
        })
    }

    pub(super) fn parent(&self) -> Arc<Member> {
        Arc::clone(&self.parent)
    }

    /// It is there as soon as its model is.
    pub(super) fn state(&self) -> ModelState {
        match self.parent.state().0 {
            ModelState::Ready if !self.shelf.has(self.place) => ModelState::Idle,
            state => state,
        }
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.id == name
    }

    pub(super) fn source(&self) -> &AdapterSource {
        &self.source
    }

    /// What its registry says of it, if it comes from one; its model has to be open for that.
    pub(super) fn registered(&self) -> Option<Registered> {
        let version = self.latest().card.as_ref()?.version.clone();
        self.parent.bay().and_then(Bay::adapts)?.registered(&self.source, &version)
    }

    /// Why it does not answer, or not by its newest version; for anybody.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.shelf.has(self.place) {
            return self.news.trouble();
        }
        self.latest().failure.as_ref().map(|(error, _)| error.reason.to_owned())
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, open, with this adapter; where its newest version cannot be loaded, with the last good one.
    pub(super) async fn open(self: &Arc<Self>) -> Result<Lease> {
        self.lease(true).await.map_err(|why| self.explain(&why))
    }

    /// The newest version, for nobody yet. Whoever runs the server is told what is wrong with it.
    pub(super) async fn load(self: &Arc<Self>) -> Result<()> {
        match self.lease(false).await {
            Ok(_) => Ok(()),
            Err(NotLoaded::Failed(error, again_in)) if error.may_pass => {
                let reason = format!("the adapter {:?} could not be loaded: {error}", self.id);
                Err(Error::Unavailable { reason, retry_after: again_in })
            }
            Err(NotLoaded::Failed(error, _)) => Err(Error::invalid("lora_path", error.to_string())),
            Err(why @ NotLoaded::TooLarge { .. }) => Err(Error::invalid("lora_path", self.explain(&why).to_string())),
            Err(why) => Err(self.explain(&why)),
        }
    }

    async fn lease(self: &Arc<Self>, or_last_good: bool) -> Result<Lease, NotLoaded> {
        let deadline = Instant::now() + self.patience;
        let mut waits = None;
        loop {
            let lease = Box::pin(self.parent.open()).await.map_err(NotLoaded::Model)?;
            if let Some(adapter) = self.find(&lease) {
                return Ok(Lease { adapter: Some(adapter), ..lease });
            }
            if waits.is_none() {
                waits = Some(self.waiting.try_acquire().map_err(|_| NotLoaded::Crowded)?);
            }
            match self.fetch(lease, or_last_good).await {
                // Those that are in use may be done with soon.
                Err(NotLoaded::Full) if Instant::now() < deadline => sleep(LOOK_AGAIN).await,
                fetched => return fetched,
            }
        }
    }

    /// If it is in memory and there is a newer version of it, has that there in its place; whether it does.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<bool, OpenError> {
        if self.state() != ModelState::Ready {
            return Ok(false);
        }
        let Some(adapts) = self.parent.bay().and_then(Bay::adapts) else { return Ok(false) };
        let renewed = self.look_and_renew(adapts).await;
        self.news.note(&self.id, renewed.as_ref().err());
        renewed
    }

    async fn look_and_renew(self: &Arc<Self>, adapts: Arc<dyn Adapts>) -> Result<bool, OpenError> {
        let told = |error: &dyn std::error::Error| OpenError::new(error.to_string());
        let it = Arc::clone(self);
        // Looking is no use of the model: it can make room meanwhile.
        let newest = tokio::task::spawn_blocking(move || adapts.newest(&it.source)).await;
        let newest = newest.map_err(|error| told(&error))??;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|error| told(&error))?;
        // Looking may have taken an hour: neither is opened for nobody, nor is loaded what somebody has loaded since.
        if self.state() != ModelState::Ready || !self.is_news(&newest)? {
            return Ok(false);
        }
        let lease = Box::pin(self.parent.open()).await.map_err(|error| told(&error))?;
        let it = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            it.read(&lease, NEWEST)
        });
        match read.await.map_err(|error| told(&error))? {
            Ok(_) => Ok(true),
            Err(why) => {
                let unusable = self.unusable(&why);
                self.latest().broken = unusable.clone().filter(|error| !error.may_pass).map(|error| (newest, error));
                Err(unusable.unwrap_or_else(|| told(&self.explain(&why))))
            }
        }
    }

    /// Whether a state is worth loading. One that was in vain before is not.
    fn is_news(&self, state: &str) -> Result<bool, OpenError> {
        let latest = self.latest();
        match &latest.broken {
            Some((broken, error)) if broken == state => Err(error.clone()),
            _ => Ok(latest.state.as_deref() != Some(state)),
        }
    }

    /// What is wrong with the files themselves, so that others may do.
    fn unusable(&self, why: &NotLoaded) -> Option<OpenError> {
        match why {
            NotLoaded::Failed(error, _) => Some(error.clone()),
            NotLoaded::TooLarge { .. } => {
                Some(OpenError { reason: "it is too large", ..OpenError::new(self.explain(why).to_string()) })
            }
            NotLoaded::Model(_) | NotLoaded::Full | NotLoaded::TooLong | NotLoaded::Crowded => None,
        }
    }

    /// The one that was made for this state of the model: another one may be of another shape.
    fn find(&self, lease: &Lease) -> Option<Adapter> {
        self.shelf.find(self.place, &Arc::downgrade(&lease.backend))
    }

    async fn fetch(self: &Arc<Self>, lease: Lease, or_last_good: bool) -> Result<Lease, NotLoaded> {
        let turn = timeout(self.patience, Arc::clone(&self.turn).acquire_owned()).await;
        let turn = turn.map_err(|_| NotLoaded::TooLong)?.map_err(|_| NotLoaded::TooLong)?;
        if let Some(adapter) = self.find(&lease) {
            return Ok(Lease { adapter: Some(adapter), ..lease });
        }
        self.remembered_failure()?;
        let it = Arc::clone(self);
        // What was begun goes on for others if nobody waits for it any more.
        let loading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // With the model, which stays open meanwhile.
            let adapter = if or_last_good { it.read_any(&lease) } else { it.read(&lease, NEWEST) };
            let adapter = adapter.inspect_err(|why| it.remember(why))?;
            Ok(Lease { adapter: Some(adapter), ..lease })
        });
        let loaded = timeout(self.patience, loading).await.map_err(|_| NotLoaded::TooLong)?;
        loaded.unwrap_or_else(|_| Err(NotLoaded::Failed(OpenError::new("loading it panicked"), PAUSE)))
    }

    fn remembered_failure(&self) -> Result<(), NotLoaded> {
        let latest = self.latest();
        let Some((error, until)) = &latest.failure else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Ok(()) } else { Err(NotLoaded::Failed(error.clone(), left)) }
    }

    fn remember(&self, why: &NotLoaded) {
        if let NotLoaded::Failed(error, pause) = why {
            tracing::error!(adapter = %self.id, source = self.source.place(), %error, "the adapter could not be loaded");
            self.latest().failure = Some((error.clone(), Instant::now() + *pause));
        }
    }

    /// The newest version, or the last good one. On a thread where that may take its time.
    fn read_any(&self, lease: &Lease) -> Result<Adapter, NotLoaded> {
        let newest = self.read(lease, NEWEST).inspect(|_| self.news.note(&self.id, None));
        let Some(error) = newest.as_ref().err().and_then(|why| self.unusable(why)) else { return newest };
        let last_good = self.read(lease, LAST_GOOD).inspect(|_| self.news.note(&self.id, Some(&error)));
        last_good.or(newest)
    }

    fn read(&self, lease: &Lease, adapt: Adapt) -> Result<Adapter, NotLoaded> {
        let failed = |reason| NotLoaded::Failed(OpenError { reason, ..OpenError::new(reason) }, PAUSE);
        let adapts = lease.adapts.as_ref().ok_or_else(|| failed("its model takes no adapters"))?;
        // What it took the last time is asked for before its files are.
        let known = self.latest().no_room_for.filter(|bytes| *bytes <= self.shelf.budget());
        let mut room = known.map(|bytes| self.shelf.make_room(bytes).ok_or_else(|| self.no_room(bytes))).transpose()?;
        if !self.source.stays() {
            let is_there = Path::new(self.source.place()).exists();
            return Err(failed(if is_there { "it leads out of the adapter root" } else { "its files are gone" }));
        }
        let adapted = adapt(&**adapts, &self.source, &mut |bytes| {
            if room.as_ref().is_none_or(|room| room.bytes() != bytes) {
                // Not both at once.
                drop(room.take());
                room = self.shelf.make_room(bytes);
            }
            room.is_some()
        });
        match (adapted, room) {
            (Ok(Adapted { adapter, description, version, state, created, bytes }), Some(room)) => {
                let parent = self.parent.card();
                let card = ModelCard { description, version, created, size: bytes, ..(*parent).clone() };
                tracing::info!(
                    adapter = %self.id, model = %parent.id, source = self.source.place(), description = %card.description, bytes,
                    "loaded an adapter"
                );
                *self.latest() = Latest { card: Some(card), state: Some(state), ..Latest::default() };
                let held = adapter.clone();
                room.fill(self.place, Arc::downgrade(&lease.backend), adapter);
                Ok(held)
            }
            (Ok(_), None) => Err(NotLoaded::Failed(OpenError::new("it was loaded without room for it"), PAUSE)),
            (Err(AdaptError::NoRoom { bytes }), _) => {
                self.latest().no_room_for = Some(bytes);
                Err(self.no_room(bytes))
            }
            (Err(AdaptError::Failed(error)), _) => Err(NotLoaded::Failed(error, PAUSE)),
        }
    }

    fn no_room(&self, bytes: u64) -> NotLoaded {
        let budget = self.shelf.budget();
        if bytes > budget { NotLoaded::TooLarge { bytes, budget } } else { NotLoaded::Full }
    }

    /// For a client.
    fn explain(&self, why: &NotLoaded) -> Error {
        let id = &self.id;
        let unavailable = |reason: String, retry_after| Error::Unavailable { reason, retry_after };
        match why {
            NotLoaded::Model(error) => error.clone(),
            NotLoaded::Failed(error, again_in) => {
                unavailable(format!("the adapter {id:?} could not be loaded: {}", error.reason), *again_in)
            }
            NotLoaded::TooLarge { bytes, budget } => {
                let reason = format!(
                    "the adapter {id:?} takes {bytes} bytes of memory, more than the {budget} that all adapters may take together"
                );
                unavailable(reason, RETRY_AFTER)
            }
            NotLoaded::Full => {
                let reason = format!("the adapter {id:?} is not loaded, and all that could make room for it are in use");
                unavailable(reason, RETRY_AFTER)
            }
            NotLoaded::TooLong => unavailable(format!("the adapter {id:?} is being loaded"), RETRY_AFTER),
            NotLoaded::Crowded => {
                Error::QueueFull { reason: "too many requests wait for the adapter to be loaded", retry_after: RETRY_AFTER }
            }
        }
    }
}

impl Drop for Shelved {
    /// Nobody can ask for it any more; who uses it does so to the end.
    fn drop(&mut self) {
        self.shelf.give_up(self.place);
    }
}

/// Why an adapter is not there.
#[derive(Debug)]
pub(super) enum NotLoaded {
    /// Its model is not.
    Model(Error),
    Failed(OpenError, Duration),
    TooLarge {
        bytes: u64,
        budget: u64,
    },
    /// All that is in memory is in use.
    Full,
    TooLong,
    Crowded,
}
