//! Sentence encoders: models that are served as others are, and what scorers read prompts with.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, anyhow, ensure};
use checkpoint::SentenceEncoder;
use encoder::{Embedder, EmbedderSettings, Parallel, SentenceModel};
use registry::{Entry, Source, Sources};
use scorer::prompt::{self, Identity, Sentences};
use serving::{Defaults, Opened};
use sha2::{Digest, Sha256};

use crate::settings::{Quantization, Settings, quantization as quantization_named, types};
use crate::{assemble, fetching};

/// Where an encoder lies, if this model is one.
pub(crate) fn directory(entry: &Entry) -> Option<&Path> {
    match &entry.source {
        Source::Path(path) if checkpoint::is_sentence_encoder(path) => Some(path),
        _ => None,
    }
}

/// Opens one that is served.
pub(crate) fn open(entry: &Entry, directory: &Path, settings: &types::EngineSettings) -> Result<Opened> {
    let model = load(directory, settings.own_quantization, Parallel::Together(settings.threads.value))?;
    let created = assemble::created(&entry.source);
    let bytes = model.bytes();
    let settings = EmbedderSettings {
        id: entry.id.clone(),
        owner: engine::OWNER.into(),
        created,
        version: assemble::version(entry, created),
        most_waiting: settings.max_queued.value.saturating_add(settings.max_running.value.get()),
        patience: settings.queue_timeout.value,
    };
    let backend = Arc::new(Embedder::new(Arc::new(model), settings));
    tracing::info!(model = %entry.id, source = %entry.source, weight_bytes = bytes, "loaded");
    Ok(Opened { backend, defaults: Defaults::default(), bytes, adapts: None })
}

fn load(directory: &Path, quantization: Option<Quantization>, parallel: Parallel) -> Result<SentenceModel> {
    let opened = || {
        let mut files = SentenceEncoder::open(directory)?;
        if let Some(format) = quantization.and_then(|Quantization(format)| format) {
            let stored = files.summary.format.clone();
            if let Some(warning) = assemble::told(&stored, files.requantise(format)) {
                tracing::warn!(encoder = %directory.display(), "{warning}");
            }
        }
        anyhow::Ok(SentenceModel::new(files, parallel)?)
    };
    opened().with_context(|| format!("the encoder {} cannot be opened", directory.display()))
}

/// Those that scorers were trained with. One is in memory as long as a scorer that needs it is.
#[derive(Debug)]
pub(crate) struct Encoders {
    models: types::ModelSettings,
    parallel: Parallel,
    sources: Sources,
    open: Mutex<Vec<Kept>>,
}

/// One that is in memory, by what it was asked for.
#[derive(Debug)]
struct Kept {
    name: String,
    quantization: Option<Quantization>,
    encoder: Weak<Encoder>,
}

#[derive(Debug)]
struct Encoder {
    identity: Identity,
    model: SentenceModel,
}

impl Encoders {
    pub(crate) fn new(settings: &Settings, parallel: Parallel) -> Self {
        Self { models: settings.models.clone(), parallel, sources: fetching::sources(settings), open: Mutex::default() }
    }

    /// By a path, the id of a model that lies here, or `hf:org/name`, which is downloaded.
    pub(crate) fn open(&self, name: &str) -> Result<Arc<dyn Sentences>> {
        let entry = assemble::catalogue(&self.models)?.locate(&place(name))?;
        self.open_as(name, self.models.own_quantization(&entry.id))
    }

    fn open_as(&self, name: &str, quantization: Option<Quantization>) -> Result<Arc<dyn Sentences>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|kept| kept.encoder.strong_count() > 0);
        let same = |kept: &&Kept| kept.name == name && kept.quantization == quantization;
        if let Some(encoder) = open.iter().find(same).and_then(|kept| kept.encoder.upgrade()) {
            return Ok(encoder);
        }
        let encoder = Arc::new(self.load(name, quantization)?);
        open.push(Kept { name: name.to_owned(), quantization, encoder: Arc::downgrade(&encoder) });
        Ok(encoder)
    }

    fn load(&self, name: &str, quantization: Option<Quantization>) -> Result<Encoder> {
        let entry = assemble::catalogue(&self.models)?.locate(&place(name))?;
        let local = fetching::fetch(&entry, &self.sources)?;
        let directory = directory(&local).with_context(|| format!("{name} is no sentence encoder"))?;
        let model = load(directory, quantization, self.parallel)?;
        let revision = revision(directory, &model)?;
        // Found again from wherever the server is started.
        let name = match &entry.source {
            Source::Path(path) if Path::new(name).exists() => fs::canonicalize(path)?.display().to_string(),
            _ => name.to_owned(),
        };
        let encoded = quantization.filter(|quantization| quantization.0.is_some());
        let quantization = encoded.map(|quantization| quantization.name().to_owned());
        let identity = Identity { quantization, ..Identity::new(name, revision, model.dimensions()) };
        Ok(Encoder { identity, model })
    }
}

/// A directory that is elsewhere on this machine is looked for among the models, by its name.
fn place(name: &str) -> PathBuf {
    let path = Path::new(name);
    match path.file_name() {
        Some(file) if path.is_absolute() && !path.exists() => file.into(),
        _ => path.into(),
    }
}

/// Of all that a vector depends on: the files, and what is done with them.
fn revision(directory: &Path, model: &SentenceModel) -> Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<io::Result<_>>()?;
    let counts = |path: &PathBuf| {
        let is = |name: &str| path.file_name().is_some_and(|file| file == name);
        path.extension().is_some_and(|ending| ending == "safetensors") || is("tokenizer.json") || is("config.json")
    };
    files.retain(counts);
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        io::copy(&mut File::open(file)?, &mut Hashing(&mut hash)).with_context(|| file.display().to_string())?;
    }
    hash.update(model.reading());
    let mut digits = String::new();
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl prompt::Encoders for Encoders {
    fn find(&self, identity: &Identity) -> Result<Arc<dyn Sentences>, String> {
        let found = || {
            // As it was then, whatever the catalogue says of it by now.
            let quantization = identity.quantization.as_deref().map(quantization_named).transpose();
            let encoder = self.open_as(&identity.name, quantization.map_err(|expected| anyhow!("{expected}"))?)?;
            let Identity { revision, dimensions, .. } = encoder.identity();
            let same = (revision, dimensions) == (identity.revision.clone(), identity.dimensions);
            ensure!(same, "{} is not what it was when the scorer was trained", identity.name);
            Ok(encoder)
        };
        found().map_err(|error: anyhow::Error| format!("{error:#}"))
    }
}

impl Sentences for Encoder {
    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn encode(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        self.model.encode(texts).unwrap_or_else(|error| panic!("{} reads no text: {error}", self.identity.name))
    }
}
