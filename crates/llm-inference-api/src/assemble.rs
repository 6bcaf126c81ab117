//! The one place where concrete types meet: from entries of the catalogue to engines, and from engines to the service.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use accounts::Accounts;
use anyhow::{Context, Result, anyhow};
use backend::{Backend, MinP, RepetitionPenalty, Temperature, TopK, TopP};
use checkpoint::{Checkpoint, GenerationDefaults, Requantisation, Summary};
use encoder::Parallel;
use engine::{Engine, EngineSettings, GuessSource, Memory, Progress};
use jiff::Timestamp;
use registry::{Allowed, Catalogue, Declaration, Entry, Places, Source, Sources};
use scorer::files::Directory;
use serving::{AdapterSource, Adapts, Besides, Defaults, Keeps, Model, Outcomes, Scorers, Service, SqlFormat};
use telemetry::{Metrics, Otlp};

use crate::memory::{self, Share};
use crate::opening::{Known, Parked};
use crate::runner::Runner;
#[cfg(feature = "mistralrs")]
use crate::second_engine;
use crate::settings::{Quantization, Recording, Settings, Speculation, types};
use crate::tuned::Tuned;
use crate::{embedded, encoding, fetching, gpus, routing};

/// A step that takes longer means that its engine hangs.
const STALL_LIMIT: Duration = Duration::from_mins(1);

/// A model that runs, and what there is to say about it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) entry: Entry,
    pub(crate) runner: Runner,
    /// What was trained on top of it.
    tuned: Option<Arc<Tuned>>,
    pub(crate) defaults: Defaults,
    /// In whole sentences.
    pub(crate) warnings: Vec<String>,
}

impl Loaded {
    pub(crate) fn memory(&self) -> Memory {
        let Memory { weights, kv_cache } = self.runner.memory();
        Memory { weights: weights + self.tuned.as_ref().map_or(0, |tuned| tuned.bytes), kv_cache }
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        match &self.tuned {
            Some(tuned) => Arc::clone(tuned) as Arc<dyn Backend>,
            None => self.runner.backend(),
        }
    }

    /// What loads further adapters for it, if it takes any.
    pub(crate) fn adapts(&self, sources: &Sources) -> Option<Arc<dyn Adapts>> {
        self.runner.adapts(sources).filter(|_| self.tuned.is_none())
    }

    /// For a service that lives no longer than what it was made for.
    pub(crate) fn model(self) -> Model {
        let sql_format = sql_format(&self.entry.source);
        Model { defaults: self.defaults, sql_format, ..Model::new(self.backend()) }
    }
}

/// All the models that the settings lead to.
pub(crate) fn catalogue(models: &types::ModelSettings) -> Result<Catalogue, registry::Error> {
    Catalogue::scan(&Places {
        embedded: Some((embedded::ID.to_owned(), embedded::GGUF.len() as u64)),
        directory: models.directory.value.clone(),
        declared: models.declared.iter().map(declaration).collect(),
        named: models.named.value.clone(),
    })
}

fn declaration(model: &types::DeclaredModel) -> Declaration {
    Declaration { id: model.id.clone(), source: model.source.clone(), place: model.place.to_string() }
}

/// The models that are to be served, the default one first. Where all are, those that were downloaded from the Hub are among them.
pub(crate) fn selection(catalogue: &Catalogue, settings: &Settings) -> Result<Vec<Entry>, registry::Error> {
    let allowed = &settings.models.allowed.value;
    let mut selected = catalogue.select(allowed)?;
    if *allowed == Allowed::All {
        let sources = fetching::sources(settings);
        let downloaded = fetching::downloaded(&sources).into_iter().filter(|entry| sources.cached(entry).is_some());
        for entry in downloaded {
            if selected.iter().all(|other| other.id != entry.id && other.source != entry.source) {
                selected.push(entry);
            }
        }
    }
    Ok(selected)
}

/// The model that guesses for those that are served, if one is to.
pub(crate) fn draft(catalogue: &Catalogue, engine: &types::EngineSettings) -> Result<Option<Entry>> {
    let named = engine.draft_model.value.as_deref().filter(|_| engine.speculation.value == Speculation::Draft);
    let located = named.map(|named| catalogue.locate(named)).transpose();
    located.with_context(|| engine.draft_model.said())
}

/// Opens a model's files.
pub(crate) fn open(entry: &Entry) -> Result<Checkpoint> {
    match &entry.source {
        Source::Embedded => Ok(Checkpoint::from_gguf_bytes(embedded::ID, embedded::GGUF)?),
        Source::Path(path) => merged(Checkpoint::open(path)?, entry),
        Source::Remote(_) => Err(elsewhere(entry)),
        Source::Origin(origin) => Err(anyhow!("the files of {origin} are not on this machine")),
    }
}

/// What PEFT has saved with its own tensors in it is the model beneath, unless what was trained comes with it.
fn merged(checkpoint: Checkpoint, entry: &Entry) -> Result<Checkpoint> {
    match (&checkpoint.unmerged, &entry.adapter) {
        (Some(tensor), None) => Err(anyhow!(
            "it was saved within PEFT, and what was trained is not merged into it ({tensor}): save it after merge_and_unload, or the \
             adapter by itself"
        )),
        _ => Ok(checkpoint),
    }
}

fn elsewhere(entry: &Entry) -> anyhow::Error {
    anyhow!("it has no files here, for it runs on other servers ({})", entry.source)
}

/// Loads a model with so much memory for its KV cache, and `draft` to guess for it.
pub(crate) fn load(
    entry: Entry,
    draft: Option<&Entry>,
    settings: &types::EngineSettings,
    kv_cache: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded> {
    let mut checkpoint = open(&entry).with_context(|| format!("the model {:?} cannot be opened", entry.id))?;
    let mut warnings = std::mem::take(&mut checkpoint.warnings);
    let defaults = match entry.source {
        Source::Embedded => embedded::defaults(),
        Source::Path(_) | Source::Remote(_) | Source::Origin(_) => defaults_of(&checkpoint.defaults),
    };
    #[cfg(feature = "mistralrs")]
    if let Some(device) = second_engine::device(&entry, &checkpoint, settings) {
        anyhow::ensure!(
            entry.adapter.is_none(),
            "mistral.rs takes no adapters, and the model {:?} is one: it needs `engine: native`",
            entry.id
        );
        let runner = second_engine::start(&entry, checkpoint, device, settings, &mut warnings)?;
        return Ok(Loaded { entry, runner, tuned: None, defaults, warnings });
    }
    warnings.extend(requantise(&mut checkpoint, settings.quantization.value));
    let engine = Engine::start(checkpoint, engine_settings(&entry, draft, settings, kv_cache)?, progress)
        .with_context(|| format!("the model {:?} cannot be started", entry.id))?;
    let tuned = entry.adapter.as_ref().map(|path| Tuned::open(&engine, path)).transpose()?.map(Arc::new);
    Ok(Loaded { entry, runner: Runner::Native(engine), tuned, defaults, warnings })
}

/// Whether a model could be loaded so, as far as the heads of its files tell.
pub(crate) fn check(entry: &Entry, draft: Option<&Entry>, settings: &types::EngineSettings, kv_cache: usize) -> Result<()> {
    let mut checkpoint = open(entry)?;
    #[cfg(feature = "mistralrs")]
    if second_engine::device(entry, &checkpoint, settings).is_some() {
        return Ok(());
    }
    requantise(&mut checkpoint, settings.quantization.value);
    if let Some(path) = &entry.adapter {
        checkpoint::Adapter::open(path, &checkpoint.architecture)?;
    }
    Ok(Engine::check(&checkpoint, &engine_settings(entry, draft, settings, kv_cache)?)?)
}

/// Opens the model that is to guess.
fn engine_settings(
    entry: &Entry,
    draft: Option<&Entry>,
    settings: &types::EngineSettings,
    kv_cache: usize,
) -> Result<EngineSettings> {
    let types::EngineSettings {
        quantization,
        threads,
        kv_cache_bytes: _, // Of all models; `kv_cache` is this one's part.
        kv_cache_type,
        max_running,
        max_queued,
        queue_timeout,
        speculation,
        speculation_tokens,
        draft_model: _,      // Found already: `draft`.
        placement: _,        // Looked at already: the native engine runs it.
        own_quantization: _, // It is in `quantization`.
    } = settings;
    let source = match (speculation.value, draft) {
        (Speculation::Off, _) | (Speculation::Draft, None) => None,
        (Speculation::Ngram, _) => Some(GuessSource::Ngram),
        (Speculation::Draft, Some(draft)) => Some(GuessSource::Model(Box::new(open_draft(draft, quantization.value)?))),
    };
    let created = created(&entry.source);
    Ok(EngineSettings {
        id: entry.id.clone(),
        created,
        version: version(entry, created),
        threads: threads.value,
        max_running: max_running.value,
        max_queued: max_queued.value,
        queue_timeout: queue_timeout.value,
        kv_cache_bytes: kv_cache,
        kv_element: kv_cache_type.value.0,
        step_tokens: EngineSettings::STEP_TOKENS,
        speculation: source.map(|source| engine::Speculation { source, tokens: speculation_tokens.value, adaptive: true }),
    })
}

fn open_draft(entry: &Entry, quantization: Quantization) -> Result<Checkpoint> {
    let mut draft = open(entry).with_context(|| format!("the draft model {:?} cannot be opened", entry.id))?;
    requantise(&mut draft, quantization);
    Ok(draft)
}

/// Has the weights encoded as they were asked for; tells if that changes nothing.
fn requantise(checkpoint: &mut Checkpoint, Quantization(format): Quantization) -> Option<String> {
    let stored = checkpoint.summary.format.clone();
    told(&stored, checkpoint.requantise(format?))
}

/// What was done to weights that were `stored` so is logged; or why nothing was, for whoever asked for it.
pub(crate) fn told(stored: &str, done: Requantisation) -> Option<String> {
    tracing::info!(%stored, "{done}");
    let format = done.format;
    done.changes_nothing().then(|| {
        format!("the weights stay in {stored}, as they are stored: {format} has no fewer bits, and more do not bring back what is lost")
    })
}

/// The models of a server, each of which is opened when it is asked for. Fails if the only one lies here and cannot be read; others may
/// come right later, or be answered for by what was good before.
pub(crate) fn parked(
    selection: &[Entry],
    draft: Option<&Entry>,
    settings: &Settings,
    sources: &Sources,
) -> Result<Vec<Arc<Parked>>> {
    let known = selection.iter().map(|entry| {
        let Some(local) = sources.cached(entry) else { return Ok(Known::new(None, None)) };
        let summary = match summary(&local) {
            Ok(summary) => Some(summary),
            Err(error) if selection.len() == 1 && entry.origin().is_none() => {
                return Err(error.context(format!("the model {:?} cannot be opened", entry.id)));
            }
            Err(error) => {
                tracing::warn!(model = %entry.id, error = format!("{error:#}"), "it cannot be loaded as it is");
                None
            }
        };
        Ok(Known::new(Some(local), summary))
    });
    let known = known.collect::<Result<Vec<_>>>()?;
    let shares = shares(selection, draft, settings, sources);
    let parked = selection.iter().zip(known).zip(shares).map(|((entry, known), share)| {
        if let Some(problem) = too_large(share, settings) {
            tracing::warn!(model = %entry.id, "{problem}");
        }
        Parked::new(
            entry.clone(),
            known,
            share,
            settings.memory(),
            draft.cloned(),
            settings.engine_of(&entry.id),
            sources.clone(),
        )
    });
    Ok(parked.collect())
}

/// Why a model with such a share can never be loaded.
pub(crate) fn too_large(share: Share, settings: &Settings) -> Option<String> {
    (share.bytes > settings.memory()).then(|| {
        let (bytes, memory) = (share.bytes, settings.memory());
        format!("it takes {bytes} bytes of memory, more than the {memory} that all models may take together (LLM_MODEL_MEMORY_BYTES)")
    })
}

/// The parts of the models that run here. Of one that has to be downloaded first it is known when it is open how much it takes.
pub(crate) fn shares(here: &[Entry], draft: Option<&Entry>, settings: &Settings, sources: &Sources) -> Vec<Share> {
    let size = |entry: &Entry| sources.cached(entry).map_or(0, |local| local.size);
    // Each has a draft model of its own.
    let of_draft = draft.map_or(0, size);
    let weights: Vec<u64> = here.iter().map(|entry| size(entry) + of_draft).collect();
    let shares = memory::shares(&weights, settings.memory(), settings.engine.kv_cache_bytes.value.get() as u64);
    #[cfg(feature = "mistralrs")]
    let shares = here.iter().zip(shares).map(|(entry, share)| {
        let elsewhere = second_engine::is_on_gpu(settings.engine_of(&entry.id).placement);
        if elsewhere { Share { bytes: 0, ..share } } else { share }
    });
    shares.into_iter().collect()
}

/// Those of which other servers do not take care.
pub(crate) fn here(selection: &[Entry]) -> Vec<Entry> {
    selection.iter().filter(|entry| !matches!(entry.source, Source::Remote(_))).cloned().collect()
}

/// What a model is, by the heads of its files.
pub(crate) fn summary(entry: &Entry) -> Result<Summary> {
    match &entry.source {
        Source::Path(path) => Ok(checkpoint::inspect(path)?),
        Source::Embedded | Source::Remote(_) | Source::Origin(_) => open(entry).map(|checkpoint| checkpoint.summary),
    }
}

/// The same in words, also of a model that has no files here.
pub(crate) fn described(entry: &Entry, sources: &Sources) -> Result<String> {
    match &entry.source {
        Source::Remote(servers) if servers.len() == 1 => Ok("on another server".to_owned()),
        Source::Remote(servers) => Ok(format!("on {} other servers", servers.len())),
        Source::Embedded | Source::Path(_) | Source::Origin(_) => match sources.cached(entry) {
            Some(local) => summary(&local).map(|summary| summary.to_string()),
            None if sources.is_adapter(entry) => Ok("an adapter; adapters: of its model names it".to_owned()),
            None => Ok("not downloaded, or not in full".to_owned()),
        },
    }
}

/// What answers, whichever way it is asked, as the catalogue offers it.
pub(crate) fn service(models: Vec<Model>, settings: &Settings, otlp: Option<&Otlp>, besides: Besides) -> Service {
    let models: Vec<Model> = models.into_iter().map(|model| offered(model, settings)).collect();
    let adapters = models.iter().flat_map(|model| model.adapters.iter().map(|(id, _)| id.clone()));
    let ids = models.iter().map(|model| model.card().id.clone()).chain(adapters);
    let metrics = Metrics::new(ids.chain(scorers(settings))).watching(gpus::find());
    let metrics = match otlp {
        Some(otlp) => metrics.sent_by(&otlp.meter()),
        None => metrics,
    };
    Service::with(models, serving_settings(settings), Arc::new(metrics), besides)
}

/// What is served besides models.
pub(crate) fn besides(selection: &[Entry], settings: &Settings, accounts: Accounts) -> Result<Besides> {
    for warning in routing::warnings(settings) {
        tracing::warn!("{warning}");
    }
    let threads = settings.engine.threads.value;
    // Each batch of many prompts is computed by one thread, and beside them those few that somebody waits for.
    let encoders = Arc::new(encoding::Encoders::new(settings, Parallel::Apart(threads.saturating_add(1))));
    let scorers = Scorers::of(Directory::new(&settings.scorers.directory.value).with_encoders(encoders), threads);
    let routes = routing::routes(selection, settings)?;
    Ok(Besides { accounts: Some(accounts), scorers, routes, outcomes: outcomes(settings)? })
}

/// Where answers are kept that can be rated.
pub(crate) fn outcomes_directory(settings: &Settings) -> PathBuf {
    settings.accounts.data_directory.value.join("outcomes")
}

fn outcomes(settings: &Settings) -> Result<Outcomes> {
    let (record, bytes) = (&settings.scorers.record, settings.scorers.record_bytes.value);
    let keeps = match record.value {
        Recording::Off => return Ok(Outcomes::default()),
        Recording::Features => Keeps::Features,
        Recording::Prompts => Keeps::Texts,
    };
    let directory = outcomes_directory(settings);
    let outcomes = Outcomes::within(&directory, bytes.get() as u64, keeps);
    outcomes.with_context(|| format!("{} asks for answers to be kept in {}", record.said(), directory.display()))
}

/// The names of those that are there, and in the log why one of them could not be asked.
fn scorers(settings: &Settings) -> Vec<String> {
    let setting = &settings.scorers.directory;
    let directory = Directory::new(&setting.value);
    if setting.origin != types::Origin::Default && !setting.value.is_dir() {
        tracing::warn!("{} names {}, which is no directory: there are no scorers", setting.said(), setting.value.display());
    }
    let names = directory.list().unwrap_or_else(|error| {
        tracing::warn!(error = format!("{:#}", anyhow::Error::from(error)), "the scorers cannot be listed");
        Vec::new()
    });
    for (name, error) in names.iter().filter_map(|name| Some((name, directory.describe(name).err()?))) {
        tracing::warn!(scorer = %name, error = format!("{:#}", anyhow::Error::from(error)), "this scorer cannot be used");
    }
    names.iter().map(ToString::to_string).collect()
}

fn serving_settings(settings: &Settings) -> serving::Settings {
    let types::GenerationSettings { temperature, top_p, max_tokens, max_tokens_limit, max_tokens_unsaid: _ } =
        &settings.generation;
    let types::EngineSettings { queue_timeout, max_queued, .. } = &settings.engine;
    serving::Settings {
        defaults: Defaults {
            temperature: Some(temperature.value),
            top_p: Some(top_p.value),
            max_tokens: Some(max_tokens.value),
            ..Defaults::default()
        },
        max_tokens_limit: max_tokens_limit.value,
        stall_limit: STALL_LIMIT,
        memory: settings.memory(),
        adapter_memory: settings.models.adapter_memory.value.get() as u64,
        patience: queue_timeout.value,
        most_waiting: max_queued.value,
    }
}

/// Of `LLM_DEFAULT_*` what somebody has set.
fn said(settings: &types::GenerationSettings) -> Defaults {
    let types::GenerationSettings { temperature, top_p, max_tokens, .. } = settings;
    Defaults {
        temperature: temperature.said_value(),
        top_p: top_p.said_value(),
        max_tokens: max_tokens.said_value(),
        ..Defaults::default()
    }
}

/// A model as the catalogue offers it. The defaults that it has are those of its makers.
fn offered(model: Model, settings: &Settings) -> Model {
    let own = settings.generation.max_tokens_unsaid;
    let Some(declared) = settings.declared(&model.card().id) else { return Model { max_tokens: own, ..model } };
    // What is not said here is for the other server to say, which knows its model.
    let said = declared.remote.as_ref().map_or(Defaults::default(), |_| said(&settings.generation));
    Model {
        aliases: declared.aliases.clone(),
        defaults: declared.defaults.or(model.defaults).or(said),
        max_tokens: declared.max_tokens.or(own),
        group: declared.group,
        fallbacks: declared.fallbacks.clone(),
        adapters: declared
            .adapters
            .iter()
            .map(|(id, source)| (id.clone(), AdapterSource::new(source.to_string())))
            .collect(),
        ..model
    }
}

/// How the model's makers would have it sampled. A value outside of what a request could ask for is as good as none.
fn defaults_of(defaults: &GenerationDefaults) -> Defaults {
    let GenerationDefaults { temperature, top_p, top_k, min_p, repetition_penalty, max_new_tokens } = *defaults;
    Defaults {
        temperature: temperature.and_then(|value| Temperature::new(value).ok()),
        top_p: top_p.and_then(|value| TopP::new(value).ok()),
        top_k: top_k.and_then(TopK::new),
        min_p: min_p.and_then(|value| MinP::new(value).ok()),
        repetition_penalty: repetition_penalty.and_then(|value| RepetitionPenalty::new(value).ok()),
        max_tokens: max_new_tokens.and_then(backend::MaxTokens::new),
    }
}

/// How a model has learned to read a schema: that the files do not tell.
pub(crate) fn sql_format(source: &Source) -> SqlFormat {
    match source {
        Source::Embedded => SqlFormat::Bare,
        Source::Path(_) | Source::Remote(_) | Source::Origin(_) => SqlFormat::default(),
    }
}

/// When a model was made, as far as its files tell: the embedded one is as old as the program.
pub(crate) fn created(source: &Source) -> SystemTime {
    let path = match source {
        Source::Embedded => std::env::current_exe().ok(),
        Source::Path(path) => Some(path.clone()),
        Source::Remote(_) | Source::Origin(_) => None,
    };
    path.and_then(|path| modified(&path)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When a file was written last, or the newest in a directory: what is written over does not change the directory's own date.
fn modified(path: &Path) -> Option<SystemTime> {
    let files = fs::read_dir(path).into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
    let dates = files.chain([path.to_owned()]).filter_map(|file| fs::metadata(file).ok()?.modified().ok());
    dates.max()
}

/// What its origin says; the program's own for the model inside it; a file has none but its date.
pub(crate) fn version(entry: &Entry, created: SystemTime) -> String {
    match (&entry.version, &entry.source) {
        (Some(version), _) => version.clone(),
        (None, Source::Embedded) => env!("CARGO_PKG_VERSION").into(),
        (None, Source::Origin(_)) => "unknown".into(),
        (None, Source::Path(_) | Source::Remote(_)) => date(created),
    }
}

/// In place of a version.
pub(crate) fn date(created: SystemTime) -> String {
    Timestamp::try_from(created).map_or_else(|_| "unknown".into(), |date| format!("{date:.0}"))
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
