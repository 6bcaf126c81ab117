//! The models there are, and those of them that are in memory.
//!
//! A model is opened by the first request that wants it, once however many want it, on a thread of its own, while the others answer.
//! Those who wait hold no lock: they look at the slots, do what is theirs to do, and sleep until something changes. What is open
//! stays so while somebody uses it; then the one that nobody has used for longest makes room when room is wanted.

mod adapter;
mod adapter_source;
mod adapters;
mod bay;
mod garage;
mod member;
mod news;
mod opener;
mod renew;
mod shelf;
mod slots;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use backend::{Error, Result};
use tokio::sync::Semaphore;

use crate::service::Settings;
use crate::{Group, Model, Offer, Source};
use adapter::Patience;
pub use adapter_source::AdapterSource;
pub use adapters::LoadAdapter;
use bay::Bay;
pub(crate) use bay::Lease;
use garage::Garage;
use member::Access;
pub(crate) use member::Member;
pub use opener::{AdaptError, Adapted, Adapts, OnDemand, OpenError, Opened, Opener};
use shelf::Shelf;

#[derive(Debug)]
pub(crate) struct Fleet {
    models: Vec<Arc<Member>>,
    /// Of those models; they come and go.
    adapters: RwLock<Vec<Arc<Member>>>,
    garage: Arc<Garage>,
    shelf: Arc<Shelf>,
    /// With adapters.
    patience: Patience,
    /// The first model has not been opened yet, nor has it failed.
    starting: AtomicBool,
}

impl Fleet {
    pub(crate) fn new(models: Vec<Model>, settings: &Settings) -> Self {
        let on_demand = models.iter().filter_map(|model| match &model.source {
            Source::OnDemand(model) => Some(model.clone()),
            Source::Running(_) => None,
        });
        let garage = Arc::new(Garage::new(on_demand.collect(), settings));
        let mut next_slot = 0;
        let members = models.into_iter().map(|model| {
            let access = match &model.source {
                Source::Running(backend) => Access::Running(Arc::clone(backend)),
                Source::OnDemand(_) => {
                    next_slot += 1;
                    Access::OnDemand(Bay::new(Arc::clone(&garage), next_slot - 1))
                }
            };
            Arc::new(Member::new(model, access))
        });
        let models: Vec<_> = members.collect();
        let shelf = Arc::new(Shelf::new(settings.adapter_memory));
        let patience = Patience { wait: settings.patience, most_waiting: at_least_one(settings.most_waiting) };
        let (adapters, starting) = (RwLock::default(), AtomicBool::new(false));
        let fleet = Self { models, adapters, garage, shelf, patience, starting };
        fleet.put_declared();
        fleet
    }

    /// Without their adapters.
    pub(crate) fn models(&self) -> &[Arc<Member>] {
        &self.models
    }

    /// Each model with its adapters behind it.
    pub(crate) fn all(&self) -> Vec<Arc<Member>> {
        let adapters = self.adapters();
        let of = |model: &Arc<Member>| {
            let own = adapters.iter().filter(|adapter| adapter.is_of(model)).map(Arc::clone);
            std::iter::once(Arc::clone(model)).chain(own).collect::<Vec<_>>()
        };
        self.models.iter().flat_map(of).collect()
    }

    pub(crate) fn offer(&self, member: &Member) -> Offer {
        let card = member.card();
        let answers = |group: &Group| {
            let named = member.parent().is_some() && member.model.group == *group;
            named
                || group
                    .members(&self.models, |model| model.model.group)
                    .any(|model| std::ptr::eq(&raw const **model, member))
        };
        Offer { card, groups: Group::ALL.into_iter().filter(answers).collect() }
    }

    /// The model of a group that answers who names none: the first that they may ask, or the first.
    pub(crate) fn first(&self, group: Group, allows: impl Fn(&Member) -> bool) -> Result<&Arc<Member>> {
        let members = || group.members(&self.models, |model| model.model.group);
        members().find(|member| allows(member)).or_else(|| members().next()).ok_or_else(|| Error::Unavailable {
            reason: "there is no model to answer".into(),
            retry_after: crate::service::RETRY_AFTER,
        })
    }

    /// By id or alias.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Member>> {
        let named = |members: &[Arc<Member>]| members.iter().find(|member| member.is_named(name)).map(Arc::clone);
        named(&self.models).or_else(|| named(&self.adapters())).ok_or_else(|| Error::UnknownModel {
            parameter: "model".into(),
            model: name.to_owned(),
            known: self.all().iter().map(|member| member.card().id.clone()).collect(),
        })
    }

    /// See [`Service::open_first`](crate::Service::open_first), which says before anything else that it will be done.
    pub(crate) fn will_open_first(&self) {
        self.starting.store(self.models.iter().any(|member| member.bay().is_some()), Ordering::Relaxed);
    }

    pub(crate) async fn open_first(&self) -> Result<(), OpenError> {
        let Some(first) = self.models.iter().find_map(|model| model.bay()) else { return Ok(()) };
        let opened = first.preload().await;
        // Where there is no other, nobody can be answered until this one is there.
        if opened.is_ok() || self.models.len() > 1 {
            self.waits_no_longer();
        }
        opened
    }

    /// See [`Service::open_first_again`](crate::Service::open_first_again): whoever calls it knows when that is worth it.
    pub(crate) async fn open_first_again(&self) -> Result<(), OpenError> {
        if let Some(first) = self.models.iter().find_map(|model| model.bay()) {
            first.forgive();
        }
        self.open_first().await
    }

    /// See [`Service::waits_no_longer`](crate::Service::waits_no_longer).
    pub(crate) fn waits_no_longer(&self) {
        self.starting.store(false, Ordering::Relaxed);
    }

    /// See [`Service::open_others`](crate::Service::open_others).
    pub(crate) async fn open_others(&self) {
        if self.garage.fit_together() {
            for bay in self.models.iter().filter_map(|model| model.bay()).skip(1) {
                // A failure is in the log, and remembered for whoever asks.
                let _ = bay.preload().await;
            }
        }
    }

    pub(crate) fn is_starting(&self) -> bool {
        self.starting.load(Ordering::Relaxed)
    }
}

/// Those who may wait for one model, or adapter, to be loaded: where nobody may, it never would be.
fn at_least_one(most_waiting: usize) -> usize {
    most_waiting.clamp(1, Semaphore::MAX_PERMITS)
}
