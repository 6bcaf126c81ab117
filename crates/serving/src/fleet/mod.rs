//! The models there are, and those of them that are in memory.
//!
//! A model is opened by the first request that wants it, once however many want it, on a thread of its own, while the others answer.
//! Those who wait hold no lock: they look at the slots, do what is theirs to do, and sleep until something changes. What is open
//! stays so while somebody uses it; then the one that nobody has used for longest makes room when room is wanted.

mod bay;
mod garage;
mod member;
mod opener;
mod slots;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend::{Error, Result};

use crate::service::Settings;
use crate::{Group, Model, Offer, Source};
use bay::Bay;
pub(crate) use bay::Lease;
use garage::Garage;
use member::Access;
pub(crate) use member::Member;
pub use opener::{OnDemand, OpenError, Opened, Opener};

#[derive(Debug)]
pub(crate) struct Fleet {
    members: Vec<Member>,
    garage: Arc<Garage>,
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
            Member::new(model, access)
        });
        let members = members.collect();
        Self { members, garage, starting: AtomicBool::new(false) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(crate) fn offer(&self, member: &Member) -> Offer {
        let card = member.card();
        let answers = |group: &Group| {
            group.members(&self.members, |member| member.model.group).any(|other| std::ptr::eq(other, member))
        };
        Offer { card, groups: Group::ALL.into_iter().filter(answers).collect() }
    }

    /// The model of a group that answers who names none: the first that they may ask, or the first.
    pub(crate) fn first(&self, group: Group, allows: impl Fn(&Member) -> bool) -> Result<&Member> {
        let members = || group.members(&self.members, |member| member.model.group);
        members().find(|member| allows(member)).or_else(|| members().next()).ok_or_else(|| Error::Unavailable {
            reason: "there is no model to answer".into(),
            retry_after: crate::service::RETRY_AFTER,
        })
    }

    /// By id or alias.
    pub(crate) fn find(&self, name: &str) -> Result<&Member> {
        self.iter().find(|member| member.is_named(name)).ok_or_else(|| Error::UnknownModel {
            model: name.to_owned(),
            known: self.iter().map(|member| member.card().id.clone()).collect(),
        })
    }

    /// See [`Service::open_first`](crate::Service::open_first), which says before anything else that it will be done.
    pub(crate) fn will_open_first(&self) {
        self.starting.store(self.members.iter().any(|member| member.bay().is_some()), Ordering::Relaxed);
    }

    pub(crate) async fn open_first(&self) -> Result<(), OpenError> {
        let Some(first) = self.members.iter().find_map(Member::bay) else { return Ok(()) };
        let opened = first.preload().await;
        self.starting.store(false, Ordering::Relaxed);
        opened
    }

    /// See [`Service::open_others`](crate::Service::open_others).
    pub(crate) async fn open_others(&self) {
        if self.garage.fit_together() {
            for bay in self.members.iter().filter_map(Member::bay) {
                // A failure is in the log, and remembered for whoever asks.
                let _ = bay.preload().await;
            }
        }
    }

    pub(crate) fn is_starting(&self) -> bool {
        self.starting.load(Ordering::Relaxed)
    }
}
