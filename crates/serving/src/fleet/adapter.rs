//! One adapter of a model: how it comes into memory, and how to get at it.
//!
//! It is loaded by the first request that wants it, once however many want it, on a thread of its own. Its files are read anew only
//! if it had to make room for others in between; another version of them is another adapter, under the same name.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend::{Adapter, Error, ModelCard, ModelState, Result};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::shelf::{Place, Shelf};
use super::{AdaptError, Adapted, AdapterSource, Lease, Member, OpenError};
use crate::service::RETRY_AFTER;

/// When to look again whether there is room.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a failure is remembered, so that a broken file is not read for every request.
const PAUSE: Duration = Duration::from_secs(5);

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
}

/// What came of loading it the last time.
#[derive(Debug, Default)]
struct Latest {
    card: Option<ModelCard>,
    /// It is not tried again before then.
    failure: Option<(OpenError, Instant)>,
    /// So many bytes were not to be had.
    no_room_for: Option<u64>,
}

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
        let latest = Mutex::default();
        Some(Self { id, parent, source, shelf, place, turn, waiting, patience: wait, latest })
    }

    /// What is known of it; what it shares with its model is as it is there now.
    pub(super) fn card(&self) -> Arc<ModelCard> {
        let parent = self.parent.card();
        let known = self.latest.lock().unwrap_or_else(PoisonError::into_inner).card.clone();
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

    /// The model, open, with this adapter.
    pub(super) async fn open(self: &Arc<Self>) -> Result<Lease> {
        self.lease().await.map_err(|why| self.explain(&why))
    }

    /// The same for nobody yet. Whoever runs the server is told what is wrong with the files.
    pub(super) async fn load(self: &Arc<Self>) -> Result<()> {
        match self.lease().await {
            Ok(_) => Ok(()),
            Err(NotLoaded::Failed(error, _)) => Err(Error::invalid("lora_path", error.to_string())),
            Err(why) => Err(self.explain(&why)),
        }
    }

    async fn lease(self: &Arc<Self>) -> Result<Lease, NotLoaded> {
        let deadline = Instant::now() + self.patience;
        loop {
            let lease = Box::pin(self.parent.open()).await.map_err(NotLoaded::Model)?;
            if let Some(adapter) = self.find(&lease) {
                return Ok(Lease { adapter: Some(adapter), ..lease });
            }
            match self.fetch(lease).await {
                // Those that are in use may be done with soon.
                Err(NotLoaded::Full) if Instant::now() < deadline => sleep(LOOK_AGAIN).await,
                fetched => return fetched,
            }
        }
    }

    /// If it is in memory and there is a newer version of it, has that there in its place; whether it does.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<bool, OpenError> {
        if !self.shelf.has(self.place) || self.parent.state().0 != ModelState::Ready {
            return Ok(false);
        }
        let told = |error: &dyn std::error::Error| OpenError(error.to_string());
        let lease = Box::pin(self.parent.open()).await.map_err(|error| told(&error))?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|error| told(&error))?;
        let it = Arc::clone(self);
        let renewed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            it.renew(&lease)
        });
        renewed.await.map_err(|error| told(&error))?
    }

    fn renew(&self, lease: &Lease) -> Result<bool, OpenError> {
        let Some(adapts) = &lease.adapts else { return Ok(false) };
        let newest = adapts.version(&self.source)?;
        let known =
            self.latest.lock().unwrap_or_else(PoisonError::into_inner).card.as_ref().map(|card| card.version.clone());
        if known == Some(newest) {
            return Ok(false);
        }
        self.read(lease).map(|_| true).map_err(|why| OpenError(self.explain(&why).to_string()))
    }

    /// The one that was made for this state of the model: another one may be of another shape.
    fn find(&self, lease: &Lease) -> Option<Adapter> {
        self.shelf.find(self.place, &Arc::downgrade(&lease.backend))
    }

    async fn fetch(self: &Arc<Self>, lease: Lease) -> Result<Lease, NotLoaded> {
        let _place = self.waiting.try_acquire().map_err(|_| NotLoaded::Crowded)?;
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
            let adapter = it.read(&lease)?;
            Ok(Lease { adapter: Some(adapter), ..lease })
        });
        let loaded = timeout(self.patience, loading).await.map_err(|_| NotLoaded::TooLong)?;
        loaded.unwrap_or_else(|_| Err(NotLoaded::Failed(OpenError("loading it panicked".into()), PAUSE)))
    }

    fn remembered_failure(&self) -> Result<(), NotLoaded> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((error, until)) = &latest.failure else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Ok(()) } else { Err(NotLoaded::Failed(error.clone(), left)) }
    }

    /// On a thread where that may take its time.
    fn read(&self, lease: &Lease) -> Result<Adapter, NotLoaded> {
        let failed = |reason: &str| NotLoaded::Failed(OpenError(reason.into()), PAUSE);
        let adapts = lease.adapts.as_ref().ok_or_else(|| failed("its model takes no adapters"))?;
        // What it took the last time is asked for before its files are.
        let known = self.latest.lock().unwrap_or_else(PoisonError::into_inner).no_room_for;
        if let Some(bytes) = known.filter(|bytes| self.shelf.make_room(*bytes).is_none()) {
            return Err(self.no_room(bytes));
        }
        if !self.source.stays() {
            return Err(failed("it leads out of the adapter root"));
        }
        let mut room = None;
        let adapted = adapts.adapt(&self.source, &mut |bytes| {
            room = self.shelf.make_room(bytes);
            room.is_some()
        });
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match (adapted, room) {
            (Ok(Adapted { adapter, description, version, created, bytes }), Some(room)) => {
                let parent = self.parent.card();
                *latest = Latest {
                    card: Some(ModelCard { description, version, created, size: bytes, ..(*parent).clone() }),
                    ..Latest::default()
                };
                let held = adapter.clone();
                room.fill(self.place, Arc::downgrade(&lease.backend), adapter);
                tracing::info!(adapter = %self.id, model = %parent.id, source = self.source.place(), bytes, "loaded an adapter");
                Ok(held)
            }
            (Ok(_), None) => Err(failed("it was loaded without room for it")),
            (Err(AdaptError::NoRoom { bytes }), _) => {
                latest.no_room_for = Some(bytes);
                Err(self.no_room(bytes))
            }
            (Err(AdaptError::Failed(error)), _) => {
                tracing::error!(adapter = %self.id, source = self.source.place(), %error, "the adapter could not be loaded");
                latest.failure = Some((error.clone(), Instant::now() + PAUSE));
                Err(NotLoaded::Failed(error, PAUSE))
            }
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
            // Why is in the log; it may name files.
            NotLoaded::Failed(_, again_in) => unavailable(format!("the adapter {id:?} could not be loaded"), *again_in),
            NotLoaded::TooLarge { bytes, budget } => {
                unavailable(format!("the adapter {id:?} takes {bytes} bytes of memory, of {budget} for all"), RETRY_AFTER)
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
