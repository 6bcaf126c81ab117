//! How the service is, as facts and as one word.

use std::time::Duration;

use backend::ModelState;

use crate::{Group, Model};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// In the order of the catalogue.
    pub models: Vec<ModelHealth>,
    pub draining: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHealth {
    pub id: String,
    pub group: Group,
    pub state: ModelState,
    /// It has work and has made no progress on it for longer than the limit.
    pub stalled: bool,
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
        !self.is_ready() && self.models.iter().any(|model| model.state == ModelState::Loading)
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
    pub(crate) fn of(model: &Model, stall_limit: Duration) -> Self {
        let stalled = model.backend.activity().stalled_for.is_some_and(|stalled| stalled > stall_limit);
        Self { id: model.card().id.clone(), group: model.group, state: model.backend.state(), stalled }
    }

    pub fn can_answer(&self) -> bool {
        self.state == ModelState::Ready && !self.stalled
    }
}
