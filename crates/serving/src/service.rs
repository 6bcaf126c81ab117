//! The handle that every surface holds.

use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use backend::{Error, Hops, MaxTokens, ModelCard, Result};
use telemetry::{Metrics, Reading};

use crate::account::Asker;
use crate::drain::Drain;
use crate::fleet::{Fleet, LoadAdapter};
use crate::{
    AdapterSource, Defaults, Group, Health, Model, ModelHealth, Offer, OpenError, Outcomes, Registered, Route, Scorers,
};

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
    /// Bytes that all models which are opened on demand may take together.
    pub memory: u64,
    /// Bytes that all adapters may take together, beside the models.
    pub adapter_memory: u64,
    /// How long a request waits for its model to be opened...
    pub patience: Duration,
    /// ... and how many may wait for the same one.
    pub most_waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            defaults: Defaults { max_tokens: MaxTokens::new(512), ..Defaults::default() },
            max_tokens_limit: MaxTokens::MIN.saturating_add(4095),
            stall_limit: Duration::from_mins(1),
            memory: u64::MAX,
            adapter_memory: u64::MAX,
            patience: Duration::from_secs(30),
            most_waiting: 64,
        }
    }
}

/// What a service may have beside its models.
#[derive(Debug, Default)]
pub struct Besides {
    /// Keys and quotas: see [`admit`](Service::admit).
    pub accounts: Option<Accounts>,
    pub scorers: Scorers,
    /// Their names are those of no models.
    pub routes: Vec<Route>,
    pub outcomes: Outcomes,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
    /// For whom what is asked of this handle is done.
    pub(crate) asker: Option<Asker>,
    /// The way that it came here.
    pub(crate) hops: Hops,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) fleet: Fleet,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: Drain,
    /// Where they are kept, nothing is generated for nobody.
    pub(crate) accounts: Option<Accounts>,
    pub(crate) scorers: Scorers,
    pub(crate) routes: Vec<Route>,
    pub(crate) outcomes: Outcomes,
}

impl Service {
    pub fn new(models: Vec<Model>, settings: Settings, metrics: Arc<Metrics>) -> Self {
        Self::with(models, settings, metrics, Besides::default())
    }

    /// As [`new`](Self::new), with keys and quotas.
    pub fn with_accounts(models: Vec<Model>, settings: Settings, metrics: Arc<Metrics>, accounts: Accounts) -> Self {
        Self::with(models, settings, metrics, Besides { accounts: Some(accounts), ..Besides::default() })
    }

    pub fn with(models: Vec<Model>, settings: Settings, metrics: Arc<Metrics>, besides: Besides) -> Self {
        let Besides { accounts, mut scorers, routes, outcomes } = besides;
        scorers.pin(routes.iter().map(|route| route.scorer.clone()));
        let fleet = Fleet::new(models, &settings);
        let inner = Inner { fleet, settings, metrics, drain: Drain::default(), accounts, scorers, routes, outcomes };
        Self { inner: Arc::new(inner), asker: None, hops: Hops::default() }
    }

    /// A handle of which everything is asked by who has come this way.
    #[must_use]
    pub fn along(&self, hops: Hops) -> Self {
        Self { hops, ..self.clone() }
    }

    /// Opens the first of the models that are opened on demand, or fails. From this call on, until the model is there, the service
    /// is not ready.
    pub fn open_first(&self) -> impl Future<Output = Result<(), OpenError>> + use<> {
        let inner = Arc::clone(&self.inner);
        inner.fleet.will_open_first();
        async move { inner.fleet.open_first().await }
    }

    /// The same once more, after it failed. Meanwhile the service is ready if another model is.
    pub async fn open_first_again(&self) -> Result<(), OpenError> {
        self.inner.fleet.open_first_again().await
    }

    /// From now on the service is ready if any model can answer, though the first may not be there yet.
    pub fn waits_no_longer(&self) {
        self.inner.fleet.waits_no_longer();
    }

    /// Opens all but the first, one after the other, if all fit into memory together.
    pub async fn open_others(&self) {
        self.inner.fleet.open_others().await;
    }

    /// Those that whoever asks may ask, in the order of the catalogue. A backend that is not there yet has nothing to say of itself
    /// and is left out.
    pub fn cards(&self) -> Vec<Arc<ModelCard>> {
        let all = self.inner.fleet.all();
        let allowed = all.iter().filter(|member| self.allows(member));
        allowed.filter_map(|member| member.known_card().ok()).collect()
    }

    /// The same, with what each is there for.
    pub fn offers(&self) -> Vec<Offer> {
        let fleet = &self.inner.fleet;
        let all = fleet.all();
        let known = all.iter().filter(|member| self.allows(member) && member.known_card().is_ok());
        known.map(|member| fleet.offer(member)).collect()
    }

    /// By id or alias. A backend that is not there yet has none.
    pub fn card(&self, name: &str) -> Result<Arc<ModelCard>> {
        match self.inner.fleet.find(name) {
            Ok(member) => member.known_card(),
            Err(_) if self.route(name).is_some() => {
                let why = "a scorer chooses the model behind this name, for /v1/chat/completions and /v1/completions alone";
                Err(Error::unsupported("model", why))
            }
            Err(error) => Err(self.with_routes(error)),
        }
    }

    /// What a registry says of the model of this id, if it comes from one.
    pub fn registered(&self, id: &str) -> Option<Registered> {
        self.inner.fleet.find(id).ok()?.registered()
    }

    /// The model that an adapter makes of another.
    pub fn adapter(&self, name: &str) -> Result<Arc<ModelCard>> {
        let is_adapter = |card: &Arc<ModelCard>| card.parent.is_some();
        self.card(name).ok().filter(is_adapter).ok_or_else(|| Error::UnknownAdapter {
            parameter: "adapter".into(),
            adapter: name.to_owned(),
            known: self.cards().into_iter().filter(is_adapter).map(|card| card.id.clone()).collect(),
        })
    }

    /// The source of this name, if an adapter of the catalogue comes from there.
    pub fn declared_adapter(&self, source: &str) -> Option<AdapterSource> {
        let mut declared = self.inner.fleet.models().iter().flat_map(|member| &member.model.adapters);
        declared.find(|(_, known)| known.place() == source).map(|(_, known)| known.clone())
    }

    /// Every adapter that is served now, and where it comes from.
    pub fn adapter_sources(&self) -> Vec<(String, AdapterSource)> {
        self.inner.fleet.adapter_sources()
    }

    /// Serves an adapter from now on. Resolves when it is in memory, and fails if it cannot be: then nothing has changed.
    pub async fn load_adapter(&self, load: LoadAdapter) -> Result<()> {
        let id = load.id.clone();
        if self.is_route(&id) {
            let reason = format!("{id:?} is a name behind which a scorer chooses");
            return Err(Error::invalid("lora_name", reason));
        }
        self.inner.fleet.load_adapter(load, |member| self.may_ask(member)).await?;
        self.inner.metrics.add_model(&id);
        Ok(())
    }

    /// Serves it no more. What runs is answered to the end.
    pub fn unload_adapter(&self, id: &str) -> Result<()> {
        if let Some(model) = self.inner.fleet.find(id).ok().and_then(|adapter| adapter.parent()) {
            self.may_ask(&model)?;
        }
        self.inner.fleet.unload_adapter(id)
    }

    /// The same, if whoever asks may ask it.
    pub fn allowed_card(&self, name: &str) -> Result<Arc<ModelCard>> {
        let member = self.inner.fleet.find(name)?;
        self.may_ask(&member)?;
        member.known_card()
    }

    /// The name that a request gave, or the one of the group's first model that may be asked.
    pub fn name(&self, given: Option<String>, group: Group) -> Result<String> {
        let first = || self.inner.fleet.first(group, |member| self.allows(member)).map(|member| member.card().id.clone());
        given.map_or_else(first, Ok)
    }

    pub fn health(&self) -> Health {
        let limit = self.inner.settings.stall_limit;
        let starting = self.inner.fleet.is_starting();
        let models = self.inner.fleet.models().iter().map(|member| ModelHealth::of(member, limit, starting)).collect();
        let adapters = self.inner.fleet.troubled_adapters();
        Health { models, adapters, starting, draining: self.inner.drain.is_draining() }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What each model says of itself now, for a scrape.
    pub fn readings(&self) -> Vec<Reading> {
        self.inner.fleet.models().iter().map(|member| member.reading()).collect()
    }

    /// Refuses what comes from now on; what runs goes on.
    pub fn drain(&self) {
        self.inner.drain.start();
        self.inner.fleet.models().iter().for_each(|member| member.drain());
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
