//! A model that is opened when somebody asks for it, as a test says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use backend::{Activity, Backend, BoxFuture, Classification, Classified, Events, Generation, ModelCard, ModelState, Result};
use serving::{
    AdaptError, Adapted, AdapterSource, Adapts, Defaults, Model, OnDemand, OpenError, Opened, Opener, Registered,
};
use tokio::sync::watch;

use crate::{Scripted, card};

/// Counts what is in memory, of all models that share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryInUse(Arc<Mutex<Bytes>>);

#[derive(Debug, Clone, Copy, Default)]
struct Bytes {
    now: u64,
    most: u64,
}

/// What comes of opening it once, and when.
#[derive(Debug)]
struct Attempt {
    gate: Option<Receiver<()>>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Opens,
    Fails(&'static str),
    Panics(&'static str),
}

/// Cheap to clone: the clone that a test keeps sees what the fleet does.
#[derive(Debug, Clone)]
pub struct Parked {
    /// What answers while it is open.
    pub backend: Scripted,
    bytes: u64,
    memory: MemoryInUse,
    script: Arc<Mutex<VecDeque<Attempt>>>,
    /// What its registry says of it.
    pub registered: Option<Registered>,
    /// What is to be had is newer than what was opened last.
    news: Arc<Mutex<Result<bool, &'static str>>>,
    adapters: Arc<Adapters>,
    /// What was good before it could not be opened can be opened.
    keeps_last_good: Arc<AtomicBool>,
    /// Times that what was open has died.
    deaths: Arc<AtomicUsize>,
    history: watch::Sender<History>,
}

/// What became of a model so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Times that opening it began.
    pub begun: usize,
    /// Times that it was closed.
    pub closed: usize,
    /// Times that what was opened did not answer.
    pub silent: usize,
    /// Times that it was closed though somebody used it.
    pub torn_away: usize,
    /// Times that an adapter was to be loaded for it.
    pub adapted: usize,
}

impl Parked {
    /// Opens at once, and takes so many bytes of nobody's memory.
    pub fn new(id: &str, bytes: u64) -> Self {
        Self::within(&MemoryInUse::default(), id, bytes)
    }

    /// As [`new`](Self::new), counted together with others.
    pub fn within(memory: &MemoryInUse, id: &str, bytes: u64) -> Self {
        Self {
            backend: Scripted::new(id),
            bytes,
            memory: memory.clone(),
            script: Arc::default(),
            registered: None,
            news: Arc::new(Mutex::new(Ok(false))),
            adapters: Arc::default(),
            keeps_last_good: Arc::default(),
            deaths: Arc::default(),
            history: watch::Sender::new(History::default()),
        }
    }

    /// For a service.
    pub fn model(&self) -> Model {
        let card = ModelCard { description: "what its file says".into(), ..card(&self.backend.card().id) };
        Model::on_demand(OnDemand { card: Arc::new(card), bytes: self.bytes, opener: Arc::new(self.clone()) })
    }

    /// Opening it takes until the sender has sent, or is dropped.
    pub fn gated(&self) -> SyncSender<()> {
        let (sender, receiver) = sync_channel(1);
        self.script().push_back(Attempt { gate: Some(receiver), outcome: Outcome::Opens });
        sender
    }

    pub fn fails(&self, reason: &'static str) -> &Self {
        self.script().push_back(Attempt { gate: None, outcome: Outcome::Fails(reason) });
        self
    }

    pub fn panics(&self, text: &'static str) -> &Self {
        self.script().push_back(Attempt { gate: None, outcome: Outcome::Panics(text) });
        self
    }

    /// From now on whoever looks for a newer version finds this.
    pub fn has(&self, news: Result<bool, &'static str>) {
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = news;
    }

    /// From now on there is a newer version of each adapter.
    pub fn has_newer_adapters(&self) {
        self.adapters.newer.fetch_add(1, Ordering::Relaxed);
    }

    /// The same, and it cannot be loaded.
    pub fn has_broken_adapters(&self) {
        self.has_newer_adapters();
        self.adapters.broken.store(self.adapters.newest(), Ordering::Relaxed);
    }

    /// The same, and there is no room for it.
    pub fn has_large_adapters(&self) {
        self.has_newer_adapters();
        self.adapters.large.store(self.adapters.newest(), Ordering::Relaxed);
    }

    /// Where it cannot be opened, it is opened once more, as the one that was good before.
    pub fn keeps_last_good(&self) {
        self.keeps_last_good.store(true, Ordering::Relaxed);
    }

    /// What is open now has failed, and does not come back.
    pub fn dies(&self) {
        self.deaths.fetch_add(1, Ordering::Relaxed);
    }

    /// As often as it is opened.
    pub fn never_lives(&self) {
        self.deaths.store(usize::MAX, Ordering::Relaxed);
    }

    pub fn history(&self) -> History {
        *self.history.borrow()
    }

    /// Resolves when so much has become of it.
    pub async fn until(&self, wanted: impl FnMut(&History) -> bool) -> History {
        *self.history.subscribe().wait_for(wanted).await.expect("the sender lives as long as self")
    }

    fn script(&self) -> MutexGuard<'_, VecDeque<Attempt>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opener for Parked {
    fn open(&self) -> Result<Opened, OpenError> {
        let taken = Taken::take(self.clone());
        self.history.send_modify(|history| history.begun += 1);
        let attempt = self.script().pop_front();
        let Attempt { gate, outcome } = attempt.unwrap_or(Attempt { gate: None, outcome: Outcome::Opens });
        if let Some(gate) = gate {
            let _ = gate.recv();
        }
        match outcome {
            Outcome::Opens => {
                let defaults = Defaults::default();
                let deaths_before = self.deaths.load(Ordering::Relaxed).min(usize::MAX - 1);
                let adapts = Arc::new(Adapting {
                    counts: self.history.clone(),
                    opening: self.history().begun,
                    adapters: Arc::clone(&self.adapters),
                });
                Ok(Opened {
                    backend: Arc::new(Driven { taken, deaths_before }),
                    defaults,
                    bytes: self.bytes,
                    adapts: Some(adapts),
                })
            }
            Outcome::Fails(reason) => Err(OpenError::new(reason)),
            Outcome::Panics(text) => panic!("{text}"),
        }
    }

    fn has_news(&self, _: bool) -> Result<bool, OpenError> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).map_err(OpenError::new)
    }

    fn open_last_good(&self) -> Option<Result<Opened, OpenError>> {
        let is_kept = self.keeps_last_good.load(Ordering::Relaxed);
        is_kept.then(|| self.open())
    }

    fn answers(&self) {}

    fn does_not_answer(&self, _: &OpenError) {
        self.history.send_modify(|history| history.silent += 1);
    }

    fn registered(&self) -> Option<Registered> {
        self.registered.clone()
    }
}

/// The versions of every adapter, from 1 on.
#[derive(Debug, Default)]
struct Adapters {
    newer: AtomicUsize,
    /// The one that cannot be loaded.
    broken: AtomicUsize,
    /// The one that takes a thousand times as much as the others.
    large: AtomicUsize,
}

impl Adapters {
    fn newest(&self) -> usize {
        1 + self.newer.load(Ordering::Relaxed)
    }
}

/// Loads adapters for what was opened.
#[derive(Debug)]
struct Adapting {
    counts: watch::Sender<History>,
    /// Which opening it was.
    opening: usize,
    adapters: Arc<Adapters>,
}

impl Adapts for Adapting {
    fn newest(&self, _: &AdapterSource) -> Result<String, OpenError> {
        Ok(self.adapters.newest().to_string())
    }

    fn registered(&self, _: &AdapterSource, _: &str) -> Option<Registered> {
        None
    }

    /// What is called `broken` cannot be loaded.
    fn adapt(&self, source: &AdapterSource, room: &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError> {
        self.counts.send_modify(|history| history.adapted += 1);
        let newest = self.adapters.newest();
        if source.place().ends_with("broken") || newest == self.adapters.broken.load(Ordering::Relaxed) {
            return Err(AdaptError::Failed(OpenError::new("it is for another model")));
        }
        self.adapt_version(newest, source, room)
    }

    fn adapt_last_good(
        &self,
        source: &AdapterSource,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Option<Result<Adapted, AdaptError>> {
        let good = self.adapters.newest() - 1;
        (good > 0).then(|| self.adapt_version(good, source, room))
    }
}

impl Adapting {
    /// Takes ten bytes, and is its source for whoever looks into it, with the version and the opening if those are not the first.
    fn adapt_version(
        &self,
        version: usize,
        source: &AdapterSource,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Adapted, AdaptError> {
        let is_large = version == self.adapters.large.load(Ordering::Relaxed);
        let bytes = if is_large { 1000 * ADAPTER_BYTES } else { ADAPTER_BYTES };
        if !room(bytes) {
            return Err(AdaptError::NoRoom { bytes });
        }
        let mut adapter = source.place().to_owned();
        for (what, number) in [("version", version), ("opening", self.opening)] {
            if number > 1 {
                adapter = format!("{adapter} of {what} {number}");
            }
        }
        Ok(Adapted {
            adapter: backend::Adapter::new(Arc::new(adapter)),
            description: "a scripted adapter".into(),
            version: version.to_string(),
            state: version.to_string(),
            created: SystemTime::UNIX_EPOCH,
            bytes,
        })
    }
}

/// What each adapter takes.
pub const ADAPTER_BYTES: u64 = 10;

impl MemoryInUse {
    /// The most that was taken at any moment.
    pub fn most(&self) -> u64 {
        self.bytes().most
    }

    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of a model, until this is dropped.
#[derive(Debug)]
struct Taken(Parked);

impl Taken {
    fn take(parked: Parked) -> Self {
        let mut bytes = parked.memory.bytes();
        bytes.now += parked.bytes;
        bytes.most = bytes.most.max(bytes.now);
        drop(bytes);
        Self(parked)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.memory.bytes().now -= self.0.bytes;
    }
}

/// A model while it is open.
#[derive(Debug)]
struct Driven {
    taken: Taken,
    deaths_before: usize,
}

impl Driven {
    fn scripted(&self) -> &Scripted {
        &self.taken.0.backend
    }
}

impl Backend for Driven {
    fn card(&self) -> Arc<ModelCard> {
        self.scripted().card()
    }

    fn state(&self) -> ModelState {
        if self.taken.0.deaths.load(Ordering::Relaxed) > self.deaths_before {
            return ModelState::Failed { reason: "the engine has stopped".into() };
        }
        self.scripted().state()
    }

    fn activity(&self) -> Activity {
        self.scripted().activity()
    }

    fn generate(&self, generation: Generation) -> BoxFuture<'_, Result<Events>> {
        self.scripted().generate(generation)
    }

    fn classify(&self, classification: Classification) -> BoxFuture<'_, Result<Classified>> {
        self.scripted().classify(classification)
    }

    fn drain(&self) {
        self.scripted().drain();
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        let counts = self.scripted().counts();
        let torn_away = usize::from(counts.running + counts.waiting > 0);
        self.taken.0.history.send_modify(|history| {
            history.closed += 1;
            history.torn_away += torn_away;
        });
    }
}
