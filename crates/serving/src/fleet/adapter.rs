//! One adapter of a model: how it comes into memory, and how to get at it.
//!
//! It is loaded by the first request that wants it, once however many want it, on a thread of its own. Its files are read anew only
//! if it had to make room for others in between; another version of them is another adapter, under the same name.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend::{Adapter, Error, ModelCard, ModelState, Result};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::shelf::{Place, Shelf};
use super::{AdaptError, Adapted, AdapterSource, Lease, Member, OpenError, Opener};
use crate::service::RETRY_AFTER;

/// How long a failure is remembered, so that a broken file is not read for every request.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Shelved {
    id: String,
    parent: Arc<Member>,
    opener: Arc<dyn Opener>,
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
        let opener = parent.opener()?;
        let place = shelf.place();
        let Patience { wait, most_waiting } = patience;
        let (turn, waiting) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(most_waiting)));
        let latest = Mutex::default();
        Some(Self { id, parent, opener, source, shelf, place, turn, waiting, patience: wait, latest })
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
        let lease = Box::pin(self.parent.open()).await.map_err(NotLoaded::Model)?;
        let adapter = match self.shelf.find(self.place) {
            Some(adapter) => adapter,
            None => self.fetch().await?,
        };
        Ok(Lease { adapter: Some(adapter), ..lease })
    }

    async fn fetch(self: &Arc<Self>) -> Result<Adapter, NotLoaded> {
        let _place = self.waiting.try_acquire().map_err(|_| NotLoaded::Crowded)?;
        let turn = timeout(self.patience, Arc::clone(&self.turn).acquire_owned()).await;
        let turn = turn.map_err(|_| NotLoaded::TooLong)?.map_err(|_| NotLoaded::TooLong)?;
        if let Some(adapter) = self.shelf.find(self.place) {
            return Ok(adapter);
        }
        self.remembered_failure()?;
        let it = Arc::clone(self);
        // What was begun goes on for others if nobody waits for it any more.
        let loading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            it.read()
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
    fn read(&self) -> Result<Adapter, NotLoaded> {
        let mut room = None;
        let adapted = self.opener.adapt(&self.source, &mut |bytes| {
            room = self.shelf.make_room(bytes);
            room.is_some()
        });
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match (adapted, room) {
            (Ok(Adapted { adapter, description, version, created, bytes }), Some(room)) => {
                let parent = self.parent.card();
                *latest = Latest {
                    card: Some(ModelCard { description, version, created, size: bytes, ..(*parent).clone() }),
                    failure: None,
                };
                let held = adapter.clone();
                room.fill(self.place, adapter);
                tracing::info!(adapter = %self.id, model = %parent.id, source = %self.source.0, bytes, "loaded an adapter");
                Ok(held)
            }
            (Ok(_), None) => Err(NotLoaded::Failed(OpenError("it was loaded without room for it".into()), PAUSE)),
            (Err(AdaptError::NoRoom { bytes }), _) => {
                let budget = self.shelf.budget();
                Err(if bytes > budget { NotLoaded::TooLarge { bytes, budget } } else { NotLoaded::Full })
            }
            (Err(AdaptError::Failed(error)), _) => {
                tracing::error!(adapter = %self.id, source = %self.source.0, %error, "the adapter could not be loaded");
                latest.failure = Some((error.clone(), Instant::now() + PAUSE));
                Err(NotLoaded::Failed(error, PAUSE))
            }
        }
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
