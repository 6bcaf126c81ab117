//! One model that is opened on demand: how it is, and how to get at it.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use backend::{Activity, Adapter, Backend, Error, ModelCard, ModelState, Result};
use tokio::time::{Instant, sleep_until};

use super::garage::{Garage, Next};
use super::slots::{Reason, Refusal, View};
use super::{Adapts, OpenError, Opened};
use crate::service::RETRY_AFTER;
use crate::{Defaults, Registered};

#[derive(Debug, Clone)]
pub(super) struct Bay {
    garage: Arc<Garage>,
    slot: usize,
}

/// An open model. It stays open for as long as this lives.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) backend: Arc<dyn Backend>,
    /// How its makers would have it sampled.
    pub(crate) defaults: Defaults,
    /// What changes it for whoever has asked for that.
    pub(crate) adapter: Option<Adapter>,
    pub(super) adapts: Option<Arc<dyn Adapts>>,
    pub(super) _place: Option<Place>,
}

/// Somebody who waits for a model, and then uses it, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    bay: Bay,
    preloads: bool,
    uses: bool,
}

/// How long somebody waits for a model.
#[derive(Debug, Clone, Copy)]
enum Waits {
    Until(Instant),
    /// For as long as it takes to open it, once there is room for it.
    ForRoomUntil(Instant),
    Forever,
}

/// Why there is no lease.
enum Unopened {
    Refused(Refusal),
    /// The time was over while it waited for this.
    TooLong(Reason),
    /// As many wait as may.
    Crowded,
}

impl Bay {
    pub(super) fn new(garage: Arc<Garage>, slot: usize) -> Self {
        Self { garage, slot }
    }

    pub(super) fn card(&self) -> Arc<ModelCard> {
        self.garage.card(self.slot)
    }

    /// With what goes on in it, where it is open. Nothing here holds on to a model: one that is looked at can be closed.
    pub(super) fn state(&self) -> (ModelState, Activity) {
        let idle = |state| (state, Activity::default());
        match self.garage.slots().view(self.slot, Instant::now()) {
            // The next request opens it anew.
            View::Open(model) if !model.is_alive() => idle(ModelState::Idle),
            View::Open(model) => (model.backend.state(), model.backend.activity()),
            View::Closed => idle(ModelState::Idle),
            View::Opening => idle(ModelState::Loading),
            View::Failed(error) => idle(ModelState::Failed { reason: error.reason.into() }),
            View::TooLarge { bytes, budget } => idle(ModelState::Failed { reason: too_large(bytes, budget) }),
        }
    }

    pub(super) fn drain(&self) {
        if let View::Open(model) = self.garage.slots().view(self.slot, Instant::now()) {
            model.backend.drain();
        }
    }

    /// Waits until the model is there, and opens it if nobody does. Dropping the future gives up the place; what was begun
    /// for it goes on for others.
    pub(super) async fn open(&self) -> Result<Lease> {
        let patience = Instant::now() + self.garage.patience;
        let place = Place::take(self.clone()).ok_or(Unopened::Crowded);
        let lease = async { self.lease(place?, Waits::Until(patience)).await };
        lease.await.map_err(|why| self.explain(&why))
    }

    /// Opens it for nobody yet, however long it takes.
    pub(super) async fn preload(&self) -> Result<(), OpenError> {
        self.open_for_nobody(Waits::Forever).await
    }

    async fn open_for_nobody(&self, waits: Waits) -> Result<(), OpenError> {
        match self.lease(Place::preload(self.clone()), waits).await {
            Ok(_) => Ok(()),
            Err(Unopened::Refused(Refusal::Failed { error, .. })) => Err(error),
            Err(why) => Err(OpenError::new(self.explain(&why).to_string())),
        }
    }

    /// A failure is tried again at once.
    pub(super) fn forgive(&self) {
        self.garage.slots().forgive(self.slot);
    }

    /// Sees to it that the newest state answers; whether another one did before.
    pub(super) async fn reload(&self) -> Result<bool, OpenError> {
        let before = self.card().version.clone();
        if self.is_open() {
            let renewed = self.garage.renew(self.slot, true).await?;
            return Ok(renewed || self.card().version != before);
        }
        self.forgive();
        self.open_for_nobody(Waits::ForRoomUntil(Instant::now() + self.garage.patience)).await?;
        Ok(self.card().version != before)
    }

    /// The same, if it is open; what could not be had before is left alone.
    pub(super) async fn refresh(&self) -> Result<bool, OpenError> {
        if self.is_open() { self.garage.renew(self.slot, false).await } else { Ok(false) }
    }

    pub(super) fn registered(&self) -> Option<Registered> {
        self.garage.models[self.slot].opener.registered()
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.is_open() && self.garage.news[self.slot].is_outdated()
    }

    /// Why it cannot be opened, or no newer state of it; for anybody.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.is_open() {
            return self.garage.news[self.slot].trouble();
        }
        let slots = self.garage.slots();
        match slots.view(self.slot, Instant::now()) {
            View::TooLarge { bytes, budget } => Some(format!("it {}", too_large(bytes, budget))),
            _ => slots.failure(self.slot).map(|error| error.reason.to_owned()),
        }
    }

    /// What loads adapters for it while it is open, if it takes any. Does not hold it.
    pub(super) fn adapts(&self) -> Option<Arc<dyn Adapts>> {
        match self.garage.slots().view(self.slot, Instant::now()) {
            View::Open(model) => model.adapts.clone(),
            _ => None,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.garage.slots().view(self.slot, Instant::now()), View::Open(model) if model.is_alive())
    }

    async fn lease(&self, mut place: Place, waits: Waits) -> Result<Lease, Unopened> {
        // Before the first look: a change after it must not be missed.
        let mut changes = self.garage.changes();
        let mut overdue = pin!(waits.over());
        loop {
            let reason = match self.garage.next(self.slot) {
                Next::Use(model) => {
                    place.uses = true;
                    let Opened { backend, defaults, bytes: _, adapts } = model;
                    return Ok(Lease { backend, defaults, adapter: None, adapts, _place: Some(place) });
                }
                Next::Refuse(refusal) => return Err(Unopened::Refused(refusal)),
                Next::Wait(reason) => reason,
            };
            tokio::select! {
                // The sender lives as long as the garage does.
                _ = changes.changed() => {}
                () = &mut overdue, if waits.ends(reason) => return Err(Unopened::TooLong(reason)),
            }
        }
    }

    /// For the client.
    fn explain(&self, why: &Unopened) -> Error {
        let id = &self.card().id;
        let unavailable = |reason: String, retry_after| Error::Unavailable { reason, retry_after };
        match why {
            Unopened::Refused(Refusal::Failed { error, again_in }) => {
                unavailable(format!("the model {id:?} could not be loaded: {}", error.reason), *again_in)
            }
            Unopened::Refused(Refusal::TooLarge { bytes, budget }) => {
                unavailable(format!("the model {id:?} {}", too_large(*bytes, *budget)), RETRY_AFTER)
            }
            Unopened::TooLong(Reason::Opening) => unavailable(format!("the model {id:?} is being loaded"), RETRY_AFTER),
            Unopened::TooLong(Reason::Memory) => {
                let reason =
                    format!("the model {id:?} is not loaded, and all models that could make room for it are in use");
                unavailable(reason, RETRY_AFTER)
            }
            Unopened::Crowded => {
                Error::QueueFull { reason: "too many requests wait for the model to be loaded", retry_after: RETRY_AFTER }
            }
        }
    }
}

impl Lease {
    /// On something that is always there.
    pub(super) fn of(backend: Arc<dyn Backend>) -> Self {
        Self { backend, defaults: Defaults::default(), adapter: None, adapts: None, _place: None }
    }
}

impl Place {
    fn take(bay: Bay) -> Option<Self> {
        let entered = bay.garage.slots().enter(bay.slot);
        entered.then(|| Self { bay, preloads: false, uses: false })
    }

    /// In which nobody waits.
    fn preload(bay: Bay) -> Self {
        bay.garage.slots().preload(bay.slot);
        Self { bay, preloads: true, uses: false }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self { bay: Bay { garage, slot }, preloads, uses } = self;
        let mut slots = garage.slots();
        if *preloads {
            slots.preloaded(*slot);
        }
        if *uses {
            slots.done(*slot);
        } else {
            slots.give_up(*slot);
        }
        drop(slots);
        garage.has_changed();
    }
}

impl Waits {
    /// Whether a wait for this ends when the time is over.
    fn ends(self, reason: Reason) -> bool {
        match self {
            Self::Until(_) => true,
            Self::ForRoomUntil(_) => reason == Reason::Memory,
            Self::Forever => false,
        }
    }

    /// When the time is over.
    async fn over(self) {
        match self {
            Self::Until(end) | Self::ForRoomUntil(end) => sleep_until(end).await,
            Self::Forever => pending().await,
        }
    }
}

fn too_large(bytes: u64, budget: u64) -> String {
    format!("takes {bytes} bytes of memory, more than the {budget} that all models may take together")
}
