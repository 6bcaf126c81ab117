//! The handle that every surface holds.

use std::sync::Arc;
use std::time::Duration;

use backend::{MaxTokens, ModelCard, Result};
use telemetry::{Metrics, Reading};

use crate::drain::Drain;
use crate::fleet::Fleet;
use crate::{Defaults, Group, Health, Model, ModelHealth, Offer};

/// When to try again if nobody knows better.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What holds for all models.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `LLM_DEFAULT_*`: where the model has no default of its own.
    pub defaults: Defaults,
    /// `LLM_MAX_TOKENS_LIMIT`
    pub max_tokens_limit: MaxTokens,
    /// A step that takes longer means that its engine is not alive.
    pub stall_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            defaults: Defaults { max_tokens: MaxTokens::new(512), ..Defaults::default() },
            max_tokens_limit: MaxTokens::MIN.saturating_add(4095),
            stall_limit: Duration::from_mins(1),
        }
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) fleet: Fleet,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: Drain,
}

impl Service {
    pub fn new(models: Vec<Model>, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let inner = Inner { fleet: Fleet::new(models), settings, metrics, drain: Drain::default() };
        Self { inner: Arc::new(inner) }
    }

    /// In the order of the catalogue. A model that is being loaded has nothing to say of itself yet and is left out.
    pub fn cards(&self) -> Vec<Arc<ModelCard>> {
        self.inner.fleet.iter().filter(|model| !model.is_loading()).map(Model::card).collect()
    }

    /// The same, with what each is there for.
    pub fn offers(&self) -> Vec<Offer> {
        let fleet = &self.inner.fleet;
        fleet.iter().filter(|model| !model.is_loading()).map(|model| fleet.offer(model)).collect()
    }

    /// By id or alias. A model that is being loaded has none yet.
    pub fn card(&self, name: &str) -> Result<Arc<ModelCard>> {
        let model = self.inner.fleet.find(name)?;
        if model.is_loading() {
            model.check_state()?;
        }
        Ok(model.card())
    }

    /// The name that a request gave, or the one of the group's first model.
    pub fn name(&self, given: Option<String>, group: Group) -> Result<String> {
        given.map_or_else(|| Ok(self.inner.fleet.first(group)?.card().id.clone()), Ok)
    }

    pub fn health(&self) -> Health {
        let limit = self.inner.settings.stall_limit;
        let models = self.inner.fleet.iter().map(|model| ModelHealth::of(model, limit)).collect();
        Health { models, draining: self.inner.drain.is_draining() }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What each model says of itself now, for a scrape.
    pub fn readings(&self) -> Vec<Reading> {
        self.inner.fleet.iter().map(reading).collect()
    }

    /// Refuses what comes from now on; what runs goes on.
    pub fn drain(&self) {
        self.inner.drain.start();
        self.inner.fleet.iter().for_each(|model| model.backend.drain());
    }

    /// Resolves when nothing is in flight. Means something only after [`drain`](Self::drain).
    pub async fn idle(&self) {
        self.inner.drain.idle().await;
    }

    /// Ends whatever is still in flight, with an error that says so.
    pub fn cancel(&self) {
        self.inner.drain.cancel();
    }
}

fn reading(model: &Model) -> Reading {
    let loaded = model.backend.state() == backend::ModelState::Ready;
    Reading { model: model.card().id.clone(), loaded, activity: model.backend.activity() }
}
