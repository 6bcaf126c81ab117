//! Adapters: from where the catalogue or an administrator says they are, into the memory of a model that is open.

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::SystemTime;

use checkpoint::{AdapterFiles, AdapterSummary};
use engine::Engine;
use registry::{Declared, Fetched, Kind, Sources};
use serving::{AdaptError, Adapted, AdapterSource, Adapts, OpenError, Registered};

use crate::opening::{known, unfit};
use crate::{assemble, fetching};

/// An adapter's files, on this machine.
struct Files {
    /// A directory, or a GGUF file.
    path: PathBuf,
    /// What its origin calls this state of it.
    version: Option<String>,
}

impl Files {
    fn of(fetched: Fetched) -> Self {
        Self { path: fetched.path, version: Some(fetched.version) }
    }

    /// Where nobody calls it anything, the date of its weights.
    fn version(&self) -> String {
        self.version.clone().unwrap_or_else(|| assemble::date(created(&self.path)))
    }

    /// A version that was deleted and made anew lies in another place.
    fn state(&self) -> String {
        format!("{} in {}", self.version(), self.path.display())
    }
}

/// Loads adapters for a model that is open.
#[derive(Debug)]
pub(crate) struct Adapting {
    pub(crate) engine: Weak<Engine>,
    pub(crate) sources: Sources,
}

impl Adapts for Adapting {
    fn newest(&self, source: &AdapterSource) -> Result<String, OpenError> {
        let files = match declared(source)? {
            Declared::Origin(origin) => Files::of(fetching::newest_adapter(&origin, &self.sources)?),
            place => self.files(&place)?,
        };
        Ok(files.state())
    }

    fn registered(&self, source: &AdapterSource, version: &str) -> Option<Registered> {
        match declared(source).ok()? {
            Declared::Origin(origin) => self.sources.registered(Kind::Adapter, &origin, version).map(known),
            Declared::Path(_) | Declared::Embedded | Declared::Remote(_) => None,
        }
    }

    fn adapt(&self, source: &AdapterSource, room: &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError> {
        let place = declared(source).map_err(AdaptError::Failed)?;
        let files = self.files(&place).map_err(AdaptError::Failed)?;
        let adapted = self.adapt_from(&files, room)?;
        if let Declared::Origin(origin) = &place
            && let Err(error) = self.sources.answers(Kind::Adapter, origin, &adapted.version)
        {
            tracing::warn!(source = %origin, %error, "a later start will not know which version was good");
        }
        Ok(adapted)
    }

    fn adapt_last_good(
        &self,
        source: &AdapterSource,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Option<Result<Adapted, AdaptError>> {
        let Ok(Declared::Origin(origin)) = declared(source) else { return None };
        let good = self.sources.last_good_files(Kind::Adapter, &origin)?;
        Some(self.adapt_from(&Files::of(good), room))
    }
}

impl Adapting {
    fn files(&self, place: &Declared) -> Result<Files, OpenError> {
        match place {
            Declared::Path(path) => Ok(Files { path: path.clone(), version: None }),
            Declared::Origin(origin) => {
                fetching::fetch_adapter(origin, &self.sources).map(Files::of).map_err(fetching::told)
            }
            Declared::Embedded | Declared::Remote(_) => Err(OpenError::new(format!("{place} is no place of an adapter"))),
        }
    }

    fn adapt_from(&self, files: &Files, room: &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError> {
        let closed = || AdaptError::Failed(OpenError::new("its model was closed meanwhile"));
        let engine = self.engine.upgrade().ok_or_else(closed)?;
        let opened = checkpoint::Adapter::open(&files.path, engine.architecture());
        let opened = opened.map_err(|error| AdaptError::Failed(unfit(error)))?;
        let bytes = engine.adapter_bytes(&opened);
        if !room(bytes) {
            return Err(AdaptError::NoRoom { bytes });
        }
        let adapter = engine.adapter(&opened).map_err(|error| AdaptError::Failed(unfit(error)))?;
        let (created, version, state) = (created(&files.path), files.version(), files.state());
        Ok(Adapted { adapter, description: described(&opened.summary), version, state, created, bytes })
    }
}

fn declared(source: &AdapterSource) -> Result<Declared, OpenError> {
    let place = source.place();
    place.parse().map_err(|_| OpenError::new(format!("{place:?} is no place of an adapter")))
}

/// What can be known to be wrong with an adapter of the catalogue without its model.
pub(crate) fn problem(id: &str, source: &Declared) -> Option<String> {
    let Declared::Path(path) = source else { return None };
    let error = AdapterFiles::of(path).err()?;
    Some(format!("the adapter {id:?} cannot be loaded: {error}"))
}

/// Of its weights.
fn created(path: &Path) -> SystemTime {
    let metadata = AdapterFiles::of(path).ok().and_then(|files| files.weights().metadata().ok());
    metadata.and_then(|metadata| metadata.modified().ok()).unwrap_or(SystemTime::UNIX_EPOCH)
}

pub(crate) fn described(summary: &AdapterSummary) -> String {
    let AdapterSummary { rank, modules, parameters, base } = summary;
    let base = base.as_ref().map(|base| format!(", for {base}")).unwrap_or_default();
    let (size, unit) = if *parameters < 100_000 { (1e3, 'k') } else { (1e6, 'M') };
    format!("LoRA, rank {rank}, {modules} modules, {:.1} {unit} parameters{base}", *parameters as f64 / size)
}
