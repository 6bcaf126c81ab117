//! Models that the service opens when they are asked for.

use std::sync::{Arc, Mutex, PoisonError};

use backend::{ModelCard, Task};
use checkpoint::Summary;
use engine::Memory;
use registry::Entry;
use serving::{Model, OnDemand, OpenError, Opened, Opener};

use crate::assemble;
use crate::commands::loading;
use crate::memory::Share;
use crate::settings::types;

/// A model that lies ready on this machine, with all that is needed to open it.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) entry: Entry,
    /// What the heads of its files say; `None` where they cannot be read.
    pub(crate) summary: Option<Summary>,
    pub(crate) share: Share,
    draft: Option<Entry>,
    settings: types::EngineSettings,
    /// What it took when it was opened the last time.
    took: Mutex<Option<Memory>>,
}

impl Parked {
    pub(crate) fn new(
        entry: Entry,
        summary: Option<Summary>,
        share: Share,
        draft: Option<Entry>,
        settings: types::EngineSettings,
    ) -> Arc<Self> {
        Arc::new(Self { entry, summary, share, draft, settings, took: Mutex::new(None) })
    }

    /// For the service.
    pub(crate) fn model(self: &Arc<Self>) -> Model {
        let opener: Arc<dyn Opener> = Arc::clone(self) as Arc<dyn Opener>;
        let model = OnDemand { card: Arc::new(self.card()), bytes: self.share.bytes, opener };
        Model { sql_format: assemble::sql_format(&self.entry.source), ..Model::on_demand(model) }
    }

    /// What it takes, once that is known.
    pub(crate) fn took(&self) -> Option<Memory> {
        *self.took.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn card(&self) -> ModelCard {
        let (summary, source) = (self.summary.as_ref(), &self.entry.source);
        let created = assemble::created(source);
        ModelCard {
            id: self.entry.id.clone(),
            parent: None,
            owner: engine::OWNER.into(),
            task: Task::default(), // What it does shows when it is opened.
            created,
            version: assemble::version(source, created),
            context_length: summary.map_or(0, |summary| u32::try_from(summary.context).unwrap_or(u32::MAX)),
            description: summary.map(Summary::to_string).unwrap_or_default(),
            size: summary.map_or(self.entry.size, |summary| summary.bytes),
        }
    }
}

impl Opener for Parked {
    fn open(&self) -> Result<Opened, OpenError> {
        let loaded = loading::load(self.entry.clone(), self.draft.as_ref(), &self.settings, self.share.kv_cache)
            .map_err(|error| OpenError(format!("{error:#}")))?;
        let memory = loaded.memory();
        *self.took.lock().unwrap_or_else(PoisonError::into_inner) = Some(memory);
        Ok(Opened { backend: loaded.engine, defaults: loaded.defaults, bytes: memory.weights + memory.kv_cache })
    }
}
