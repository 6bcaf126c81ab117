//! Where models are opened and closed: the thin shell around the slots.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::ModelCard;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::news::News;
use super::slots::{Reason, Refusal, Slots, Step};
use super::{OnDemand, OpenError, Opened, at_least_one};
use crate::service::Settings;

#[derive(Debug)]
pub(super) struct Garage {
    /// In the order of the slots.
    pub(super) models: Vec<OnDemand>,
    slots: Mutex<Slots<Opened>>,
    /// What the models say of themselves: once they were opened, they know better than the heads of their files.
    cards: Mutex<Vec<Arc<ModelCard>>>,
    pub(super) news: Vec<News>,
    /// One looks for a newer state of a model at a time.
    pub(super) turns: Vec<tokio::sync::Mutex<()>>,
    /// Of models that are open, and what is left of them afterwards. Nobody waits for these when the service ends.
    pub(super) renewals: TaskTracker,
    /// Told whenever a model has come or gone, or somebody has done with one.
    changed: watch::Sender<()>,
    /// How long a request waits for its model.
    pub(super) patience: Duration,
}

/// What is left to do for somebody who waits for a model.
#[derive(Debug)]
pub(super) enum Next {
    Use(Opened),
    Wait(Reason),
    Refuse(Refusal),
}

impl Garage {
    pub(super) fn new(models: Vec<OnDemand>, settings: &Settings) -> Self {
        let slots = Slots::new(models.iter().map(|model| model.bytes), settings.memory, at_least_one(settings.most_waiting));
        let cards = models.iter().map(|model| Arc::clone(&model.card)).collect();
        let (slots, cards) = (Mutex::new(slots), Mutex::new(cards));
        let news = models.iter().map(|_| News::default()).collect();
        let turns = models.iter().map(|_| tokio::sync::Mutex::default()).collect();
        Self {
            models,
            turns,
            slots,
            cards,
            news,
            renewals: TaskTracker::new(),
            changed: watch::Sender::new(()),
            patience: settings.patience,
        }
    }

    /// Held for a look or a change, never while anything is waited for.
    pub(super) fn slots(&self) -> MutexGuard<'_, Slots<Opened>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn card(&self, slot: usize) -> Arc<ModelCard> {
        Arc::clone(&self.cards()[slot])
    }

    fn cards(&self) -> MutexGuard<'_, Vec<Arc<ModelCard>>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fit_together(&self) -> bool {
        self.slots().fit_together()
    }

    /// What changes from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn has_changed(&self) {
        self.changed.send_replace(());
    }

    /// What somebody who waits for a model has to do next; what has to be done for it is under way when this returns.
    pub(super) fn next(self: &Arc<Self>, slot: usize) -> Next {
        let step = self.slots().next(slot, Instant::now(), Opened::is_alive);
        match step {
            Step::Use(model) => Next::Use(model),
            Step::Refuse(refusal) => Next::Refuse(refusal),
            Step::Wait(reason) => Next::Wait(reason),
            Step::Open => {
                self.open(slot);
                Next::Wait(Reason::Opening)
            }
            Step::Close(models) => {
                self.close_all(models);
                Next::Wait(Reason::Memory)
            }
        }
    }

    /// Nobody waits for the thread: what comes of it is in the slots, also when those who wanted the model have gone.
    fn open(self: &Arc<Self>, slot: usize) {
        let garage = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            match garage.bring(slot) {
                Ok(model) => {
                    garage.opened(slot, model);
                    garage.note(slot, None);
                }
                Err(error) => match garage.bring_last_good(slot) {
                    Some(model) => {
                        garage.opened(slot, model);
                        garage.note(slot, Some(&error));
                    }
                    None => garage.failed(slot, error),
                },
            }
            garage.has_changed();
        });
    }

    /// Takes as long as it takes.
    pub(super) fn bring(&self, slot: usize) -> Result<Opened, OpenError> {
        let opener = &self.models[slot].opener;
        alive(|| opener.open())
    }

    /// The state that answered before the one that could not be brought.
    fn bring_last_good(&self, slot: usize) -> Option<Opened> {
        let opener = &self.models[slot].opener;
        alive(|| opener.open_last_good().unwrap_or_else(|| Err(OpenError::new("there is none")))).ok()
    }

    fn opened(self: &Arc<Self>, slot: usize, model: Opened) {
        self.models[slot].opener.answers();
        self.shows(slot, model.backend.card());
        let bytes = model.bytes;
        let surplus = self.slots().opened(slot, model, bytes);
        self.close_all(surplus);
    }

    /// What the model says of itself now.
    pub(super) fn shows(&self, slot: usize, card: Arc<ModelCard>) {
        self.cards()[slot] = card;
    }

    /// What came of looking for a newer state of a model.
    pub(super) fn note(&self, slot: usize, error: Option<&OpenError>) {
        self.news[slot].note(&self.models[slot].card.id, error);
    }

    fn failed(&self, slot: usize, error: OpenError) {
        let before = self.slots().failure(slot).cloned();
        // Who waits for a model asks again and again.
        if before.as_ref() == Some(&error) {
            tracing::debug!(model = %self.models[slot].card.id, %error, "the model could not be loaded again");
        } else {
            tracing::error!(model = %self.models[slot].card.id, %error, "the model could not be loaded");
        }
        self.slots().failed(slot, error, Instant::now());
    }

    pub(super) fn close_all(self: &Arc<Self>, models: Vec<(usize, Opened)>) {
        for (slot, model) in models {
            self.close(slot, model);
        }
    }

    fn close(self: &Arc<Self>, slot: usize, model: Opened) {
        let garage = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            // Blocks until its memory is free.
            drop(model);
            tracing::info!(model = %garage.models[slot].card.id, "unloaded");
            garage.slots().closed(slot);
            garage.has_changed();
        });
    }
}

fn alive(open: impl FnOnce() -> Result<Opened, OpenError>) -> Result<Opened, OpenError> {
    let opened = catch_unwind(AssertUnwindSafe(open));
    let model = opened.unwrap_or_else(|_| Err(OpenError::new("loading it panicked")))?;
    // Opened anew by whoever waits, it would go round in circles.
    if model.is_alive() { Ok(model) } else { Err(OpenError::new("it stopped as soon as it was loaded")) }
}
