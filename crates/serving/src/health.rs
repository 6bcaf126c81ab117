//! How the service is, as facts and as one word.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, ModelState};

use crate::Group;
use crate::fleet::Member;

const STALLED: &str = "its engine makes no progress";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// In the order of the catalogue.
    pub models: Vec<ModelHealth>,
    /// Why adapters do not answer, or not by their newest versions: of those of which that is so.
    pub adapters: BTreeMap<String, String>,
    /// The first model is being opened, for the first time.
    pub starting: bool,
    pub draining: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHealth {
    pub id: String,
    pub group: Group,
    pub state: ModelState,
    /// It has work and has made no progress on it for longer than the limit.
    pub stalled: bool,
    /// Addresses of the servers that can answer, where it runs on some; `None`: it runs here.
    pub upstreams: Option<Vec<String>>,
    /// It answers, and a newer version of it cannot be had.
    pub outdated: bool,
    /// Why it does not answer, or not by its newest version.
    pub reason: Option<String>,
    /// It is not there, but will be for whoever waits for it.
    comes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Every model can answer.
    Healthy,
    /// Some can.
    Degraded,
    /// None can.
    Unhealthy,
}

impl Health {
    /// At least one model can answer, and new requests are taken.
    pub fn is_ready(&self) -> bool {
        !self.draining && self.models.iter().any(ModelHealth::can_answer)
    }

    /// No model can answer yet, and at least one is on its way.
    pub fn is_loading(&self) -> bool {
        let comes = || self.models.iter().any(|model| model.state == ModelState::Loading);
        !self.is_ready() && (self.starting || comes())
    }

    /// The engines make progress.
    pub fn is_alive(&self) -> bool {
        !self.models.iter().any(|model| model.stalled)
    }

    /// The models that answer for a group: its own, or else the first of all.
    pub fn members(&self, group: Group) -> impl Iterator<Item = &ModelHealth> {
        group.members(&self.models, |model| model.group)
    }

    pub fn status(&self) -> Status {
        if !self.is_ready() {
            Status::Unhealthy
        } else if self.models.iter().all(ModelHealth::can_answer) {
            Status::Healthy
        } else {
            Status::Degraded
        }
    }
}

impl ModelHealth {
    /// While the service starts, nobody is sent to a model that is not there.
    pub(crate) fn of(member: &Member, stall_limit: Duration, starting: bool) -> Self {
        let (state, activity) = member.state();
        let stalled = activity.stalled_for.is_some_and(|stalled| stalled > stall_limit);
        let trouble = member.trouble();
        // One that failed before may do so again.
        let may_come = state == ModelState::Idle || (state == ModelState::Loading && trouble.is_none());
        let comes = !starting && member.is_on_demand() && may_come;
        let usable = |backend: &Arc<dyn Backend>| {
            let usable = backend.upstreams().into_iter().filter(|upstream| upstream.usable);
            usable.map(|upstream| upstream.address).collect()
        };
        let upstreams = member.remote().map(usable);
        let reason = if stalled { Some(STALLED.to_owned()) } else { trouble };
        let (id, group, outdated) = (member.card().id.clone(), member.model.group, member.is_outdated());
        Self { id, group, state, stalled, upstreams, outdated, reason, comes }
    }

    /// Now, or to whoever waits for it to be opened.
    pub fn can_answer(&self) -> bool {
        (self.comes || self.state == ModelState::Ready) && !self.stalled
    }
}
