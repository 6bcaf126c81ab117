//! One model of the fleet, wherever it runs.

use std::sync::Arc;

use backend::{Activity, Backend, Error, ModelCard, ModelState, Result, UpstreamReading};
use telemetry::Reading;

use super::adapter::Shelved;
use super::{Bay, Lease, OpenError};
use crate::service::RETRY_AFTER;
use crate::{Model, Registered};

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) model: Model,
    pub(super) access: Access,
}

/// How to get at it.
#[derive(Debug)]
pub(super) enum Access {
    Running(Arc<dyn Backend>),
    OnDemand(Bay),
    Adapter(Arc<Shelved>),
}

impl Member {
    pub(super) fn new(model: Model, access: Access) -> Self {
        Self { model, access }
    }

    /// Where it is opened, if it has to be.
    pub(super) fn bay(&self) -> Option<&Bay> {
        match &self.access {
            Access::Running(_) | Access::Adapter(_) => None,
            Access::OnDemand(bay) => Some(bay),
        }
    }

    /// The model that it is an adapter of.
    pub(crate) fn parent(&self) -> Option<Arc<Self>> {
        match &self.access {
            Access::Adapter(adapter) => Some(adapter.parent()),
            Access::Running(_) | Access::OnDemand(_) => None,
        }
    }

    pub(super) fn is_of(&self, model: &Arc<Self>) -> bool {
        self.parent().is_some_and(|parent| Arc::ptr_eq(&parent, model))
    }

    pub(crate) fn card(&self) -> Arc<ModelCard> {
        match &self.access {
            Access::Running(backend) => backend.card(),
            Access::OnDemand(bay) => bay.card(),
            Access::Adapter(adapter) => adapter.card(),
        }
    }

    /// Unless it is not there yet, and so has none.
    pub(crate) fn known_card(&self) -> Result<Arc<ModelCard>> {
        match &self.access {
            Access::Running(backend) if backend.state() == ModelState::Loading => Err(unavailable(&**backend)),
            _ => Ok(self.card()),
        }
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        let is_id = match &self.access {
            Access::Adapter(adapter) => adapter.is_named(name),
            Access::Running(_) | Access::OnDemand(_) => self.card().id == name,
        };
        is_id || self.model.aliases.iter().any(|alias| alias == name)
    }

    pub(crate) fn is_on_demand(&self) -> bool {
        self.bay().is_some()
    }

    /// With what goes on in it.
    pub(crate) fn state(&self) -> (ModelState, Activity) {
        match &self.access {
            Access::Running(backend) => (backend.state(), backend.activity()),
            Access::OnDemand(bay) => bay.state(),
            Access::Adapter(adapter) => (adapter.state(), Activity::default()),
        }
    }

    /// See [`Service::reload`](crate::Service::reload).
    pub(crate) async fn reload(&self) -> Result<bool, OpenError> {
        match self.bay() {
            Some(bay) => bay.reload().await,
            None => Ok(false),
        }
    }

    /// See [`Service::refresh`](crate::Service::refresh).
    pub(crate) async fn refresh(&self) -> Result<bool, OpenError> {
        match &self.access {
            Access::OnDemand(bay) => bay.refresh().await,
            Access::Adapter(adapter) => adapter.refresh().await,
            Access::Running(_) => Ok(false),
        }
    }

    pub(crate) fn registered(&self) -> Option<Registered> {
        match &self.access {
            Access::Running(_) => None,
            Access::OnDemand(bay) => bay.registered(),
            Access::Adapter(adapter) => adapter.registered(),
        }
    }

    /// A newer version was looked for, and cannot be had.
    pub(crate) fn is_outdated(&self) -> bool {
        self.bay().is_some_and(Bay::is_outdated)
    }

    /// Why it does not answer, or not by its newest version; for anybody.
    pub(crate) fn trouble(&self) -> Option<String> {
        match &self.access {
            Access::Running(backend) => match backend.state() {
                ModelState::Failed { reason } => Some(reason),
                ModelState::Ready | ModelState::Idle | ModelState::Loading => None,
            },
            Access::OnDemand(bay) => bay.trouble(),
            Access::Adapter(adapter) => adapter.trouble(),
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        let (state, activity) = self.state();
        let (loaded, outdated) = (state == ModelState::Ready, self.is_outdated());
        Reading { model: self.card().id.clone(), loaded, outdated, activity, upstreams: self.upstreams() }
    }

    /// The servers that it runs on, where it does not run here.
    pub(crate) fn upstreams(&self) -> Vec<UpstreamReading> {
        self.remote().map(|backend| backend.upstreams()).unwrap_or_default()
    }

    /// What takes requests in the client's own words.
    pub(crate) fn remote(&self) -> Option<&Arc<dyn Backend>> {
        match &self.access {
            Access::Running(backend) if backend.relays() => Some(backend),
            Access::Running(_) | Access::OnDemand(_) | Access::Adapter(_) => None,
        }
    }

    /// Refuses what comes from now on.
    pub(crate) fn drain(&self) {
        match &self.access {
            Access::Running(backend) => backend.drain(),
            Access::OnDemand(bay) => bay.drain(),
            // Its model is.
            Access::Adapter(_) => {}
        }
    }

    /// What answers for it. Waits until it is there, within bounds.
    pub(crate) async fn open(&self) -> Result<Lease> {
        match &self.access {
            // What runs on other servers says itself why it cannot answer, and when it can again.
            Access::Running(backend) if backend.state() == ModelState::Ready || backend.relays() => {
                Ok(Lease::of(Arc::clone(backend)))
            }
            Access::Running(backend) => Err(unavailable(&**backend)),
            Access::OnDemand(bay) => bay.open().await,
            Access::Adapter(adapter) => adapter.open().await,
        }
    }
}

fn unavailable(backend: &dyn Backend) -> Error {
    let reason = match backend.state() {
        ModelState::Failed { reason } => format!("cannot answer: {reason}"),
        ModelState::Loading | ModelState::Idle | ModelState::Ready => "is being loaded".into(),
    };
    let reason = format!("the model {:?} {reason}", backend.card().id);
    Error::Unavailable { reason, retry_after: RETRY_AFTER }
}
