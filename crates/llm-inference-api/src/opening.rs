//! Models that the service opens when they are asked for.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use backend::{ModelCard, Task};
use checkpoint::Summary;
use engine::Memory;
use registry::{Entry, FetchError, Kind, Source, Sources};
use serving::{Model, OnDemand, OpenError, Opened, Opener};

use crate::commands::loading;
use crate::memory::Share;
use crate::settings::types;
use crate::{assemble, encoding, fetching, memory};

static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// A model that can be opened, with all that is needed for it.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) entry: Entry,
    pub(crate) share: Share,
    /// Bytes that all models may take together.
    budget: u64,
    draft: Option<Entry>,
    settings: types::EngineSettings,
    sources: Sources,
    known: Mutex<Known>,
}

/// What is known of it by now.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// With its files on this machine, if they are.
    pub(crate) local: Option<Entry>,
    /// What the heads of its files say; `None` where they cannot be read.
    pub(crate) summary: Option<Summary>,
    /// What it took when it was opened the last time.
    pub(crate) took: Option<Memory>,
    /// The local files' date when they were opened.
    date: SystemTime,
    /// What was opened last, until it answers.
    opened: Option<Opening>,
    broken: Option<Broken>,
}

/// Files that could not be opened, or were opened and did not answer.
#[derive(Debug, Clone)]
struct Broken {
    local: Entry,
    date: SystemTime,
    why: OpenError,
    opens: bool,
}

impl Broken {
    /// Files that change while they are read are news.
    fn is(&self, local: &Entry, date: SystemTime) -> bool {
        (&self.local, self.date) == (local, date)
    }
}

/// What was opened.
#[derive(Debug, Clone)]
struct Opening {
    local: Entry,
    date: SystemTime,
    summary: Option<Summary>,
    took: Memory,
    /// What answered before, in the place of what is newest.
    last_good: bool,
}

impl Known {
    pub(crate) fn new(local: Option<Entry>, summary: Option<Summary>) -> Self {
        let date = local.as_ref().map_or(SystemTime::UNIX_EPOCH, |local| assemble::created(&local.source));
        Self { local, summary, took: None, date, opened: None, broken: None }
    }
}

impl Parked {
    pub(crate) fn new(
        entry: Entry,
        known: Known,
        share: Share,
        budget: u64,
        draft: Option<Entry>,
        settings: types::EngineSettings,
        sources: Sources,
    ) -> Arc<Self> {
        Arc::new(Self { entry, share, budget, draft, settings, sources, known: Mutex::new(known) })
    }

    /// For the service.
    pub(crate) fn model(self: &Arc<Self>) -> Model {
        let opener: Arc<dyn Opener> = Arc::clone(self) as Arc<dyn Opener>;
        let model = OnDemand { card: Arc::new(self.card()), bytes: self.share.bytes, opener };
        Model { sql_format: assemble::sql_format(&self.entry.source), ..Model::on_demand(model) }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn card(&self) -> ModelCard {
        let known = self.known();
        let (summary, entry) = (known.summary.as_ref(), known.local.as_ref().unwrap_or(&self.entry));
        let created = match &entry.source {
            // What is nowhere yet is new.
            Source::Origin(_) => *STARTED,
            source => assemble::created(source),
        };
        ModelCard {
            id: self.entry.id.clone(),
            parent: None,
            owner: engine::OWNER.into(),
            task: task(entry, summary),
            created,
            version: assemble::version(entry, created),
            context_length: summary.map_or(0, |summary| u32::try_from(summary.context).unwrap_or(u32::MAX)),
            description: summary.map(Summary::to_string).unwrap_or_default(),
            size: summary.map_or(entry.size, |summary| summary.bytes),
        }
    }

    /// Its files and those of the model that guesses for it, on this machine.
    fn fetch(&self) -> Result<(Entry, Option<Entry>), FetchError> {
        let local = fetching::fetch(&self.entry, &self.sources)?;
        let draft = self.draft.as_ref().map(|draft| fetching::fetch(draft, &self.sources)).transpose()?;
        Ok((local, draft))
    }

    /// Files that were opened before and did not answer, where others are known to.
    fn refuse_silent(&self, local: &Entry) -> Result<(), OpenError> {
        let broken = self.known().broken.clone();
        let silent = broken.filter(|broken| broken.opens && broken.is(local, assemble::created(&local.source)));
        match silent {
            Some(Broken { why, .. }) if self.sources.last_good(&self.entry).is_some_and(|good| good != *local) => Err(why),
            _ => Ok(()),
        }
    }

    /// From these files, of which it is remembered what came of it.
    fn open_these(&self, local: &Entry, draft: Option<&Entry>, last_good: bool) -> Result<Opened, OpenError> {
        let date = assemble::created(&local.source);
        let opened = self.open_here(local, draft).map_err(unfit);
        let (opened, took) = opened.inspect_err(|error| {
            self.known().broken = Some(Broken { local: local.clone(), date, why: error.clone(), opens: false });
        })?;
        let summary = assemble::summary(local).ok();
        self.known().opened = Some(Opening { local: local.clone(), date, summary, took, last_good });
        Ok(opened)
    }

    /// From these files.
    fn open_here(&self, local: &Entry, draft: Option<&Entry>) -> anyhow::Result<(Opened, Memory)> {
        if let Some(directory) = encoding::directory(local) {
            let opened = encoding::open(local, directory, &self.settings)?;
            let memory = Memory { weights: opened.bytes, kv_cache: 0 };
            return Ok((opened, memory));
        }
        // What was downloaded only now is larger than was thought.
        let weights = local.size + draft.map_or(0, |draft| draft.size);
        let room = usize::try_from(memory::left(weights, self.budget)).unwrap_or(usize::MAX);
        let kv_cache = self.share.kv_cache.min(room);
        let loaded = loading::load(local.clone(), draft, &self.settings, kv_cache)?;
        let memory = loaded.memory();
        let bytes = memory.weights + memory.kv_cache;
        let (backend, adapts) = (loaded.backend(), loaded.adapts(&self.sources));
        Ok((Opened { backend, defaults: loaded.defaults, bytes, adapts }, memory))
    }
}

/// By the heads of its files. What is not on this machine yet is taken for one that writes until it is opened.
fn task(entry: &Entry, summary: Option<&Summary>) -> Task {
    match summary {
        _ if encoding::directory(entry).is_some() => Task::Embed,
        Some(summary) if summary.classifies => Task::Classify,
        _ => Task::Generate,
    }
}

/// As the service says of files that are here.
pub(crate) fn unfit(error: impl Into<anyhow::Error>) -> OpenError {
    OpenError { reason: "its files cannot be used", ..OpenError::new(format!("{:#}", error.into())) }
}

impl Opener for Parked {
    fn open(&self) -> Result<Opened, OpenError> {
        let (local, draft) = self.fetch().map_err(fetching::told)?;
        self.refuse_silent(&local)?;
        self.open_these(&local, draft.as_ref(), false)
    }

    fn open_last_good(&self) -> Option<Result<Opened, OpenError>> {
        let good = self.sources.last_good(&self.entry)?;
        let broken = self.known().broken.clone();
        if broken.is_some_and(|broken| broken.local == good) {
            return None;
        }
        let draft = self.draft.as_ref().map(|draft| fetching::fetch(draft, &self.sources)).transpose();
        Some(draft.map_err(fetching::told).and_then(|draft| self.open_these(&good, draft.as_ref(), true)))
    }

    fn answers(&self) {
        let mut known = self.known();
        let Some(Opening { local, date, summary, took, last_good }) = known.opened.take() else { return };
        let broken = known.broken.take().filter(|broken| broken.local != local);
        // That of the last good one is remembered, and may by now be the number of another.
        let version = local.version.clone().filter(|_| !last_good);
        *known = Known { took: Some(took), date, broken, ..Known::new(Some(local), summary) };
        drop(known);
        if let (Some(origin), Some(version)) = (self.entry.origin(), version)
            && let Err(error) = self.sources.answers(Kind::Model, origin, &version)
        {
            tracing::warn!(model = %self.entry.id, %error, "a later start will not know which version was good");
        }
    }

    fn has_news(&self, anyway: bool) -> Result<bool, OpenError> {
        let newest = fetching::newest(&self.entry, &self.sources)?;
        let date = assemble::created(&newest.source);
        let known = self.known();
        match &known.broken {
            Some(broken) if broken.is(&newest, date) => {
                if anyway {
                    Ok(true)
                } else {
                    Err(broken.why.clone())
                }
            }
            _ => Ok((known.local.as_ref(), known.date) != (Some(&newest), date)),
        }
    }

    fn does_not_answer(&self, error: &OpenError) {
        let mut known = self.known();
        let opened = known.opened.take();
        known.broken = opened.map(|Opening { local, date, .. }| Broken { local, date, why: error.clone(), opens: true });
    }

    fn registered(&self) -> Option<serving::Registered> {
        let version = self.known().local.as_ref()?.version.clone()?;
        self.sources.registered(Kind::Model, self.entry.origin()?, &version).map(known)
    }
}

/// In the service's words.
pub(crate) fn known(registered: registry::Registered) -> serving::Registered {
    let registry::Registered { uri, created, stage, aliases, run_id, parameters, metrics, tags } = registered;
    serving::Registered { uri, created, stage, aliases, run_id, parameters, metrics, tags }
}
