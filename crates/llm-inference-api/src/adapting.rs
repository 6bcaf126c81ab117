//! Adapters: from where the catalogue or an administrator says they are, into the memory of a model that is open.

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use checkpoint::{AdapterFiles, AdapterSummary};
use engine::Engine;
use registry::{Declared, Sources};
use serving::{AdaptError, Adapted, AdapterSource, Adapts, OpenError};

use crate::{assemble, fetching};

/// An adapter's files, on this machine.
struct Files {
    /// A directory, or a GGUF file.
    path: PathBuf,
    /// What its origin calls this state of it.
    version: Option<String>,
}

impl Files {
    /// Where nobody calls it anything, the date of its weights.
    fn version(&self) -> String {
        self.version.clone().unwrap_or_else(|| assemble::date(created(&self.path)))
    }
}

/// Loads adapters for a model that is open.
#[derive(Debug)]
pub(crate) struct Adapting {
    pub(crate) engine: Weak<Engine>,
    pub(crate) sources: Sources,
}

impl Adapts for Adapting {
    fn version(&self, source: &AdapterSource) -> Result<String, OpenError> {
        let files = files(source.place(), &self.sources).map_err(|error| OpenError(format!("{error:#}")))?;
        Ok(files.version())
    }

    fn adapt(&self, source: &AdapterSource, room: &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError> {
        let failed = |error: anyhow::Error| AdaptError::Failed(OpenError(format!("{error:#}")));
        let files = files(source.place(), &self.sources).map_err(failed)?;
        let engine = self.engine.upgrade().ok_or_else(|| failed(anyhow!("its model was closed meanwhile")))?;
        adapt(&engine, &files, room)
    }
}

fn adapt(engine: &Engine, files: &Files, room: &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError> {
    let failed = |error: anyhow::Error| AdaptError::Failed(OpenError(format!("{error:#}")));
    let opened = checkpoint::Adapter::open(&files.path, engine.architecture());
    let opened = opened.map_err(|error| failed(error.into()))?;
    let bytes = engine.adapter_bytes(&opened);
    if !room(bytes) {
        return Err(AdaptError::NoRoom { bytes });
    }
    let adapter = engine.adapter(&opened).map_err(|error| failed(error.into()))?;
    let (created, version) = (created(&files.path), files.version());
    Ok(Adapted { adapter, description: described(&opened.summary), version, created, bytes })
}

fn files(source: &str, sources: &Sources) -> Result<Files> {
    match source.parse() {
        Ok(Declared::Path(path)) => Ok(Files { path, version: None }),
        Ok(Declared::Origin(origin)) => {
            let fetched = fetching::fetch_adapter(&origin, sources)?;
            Ok(Files { path: fetched.path, version: Some(fetched.version) })
        }
        Ok(Declared::Embedded | Declared::Remote(_)) | Err(_) => Err(anyhow!("{source:?} is no place of an adapter")),
    }
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
    format!("LoRA, rank {rank}, {modules} modules, {:.1} M parameters{base}", *parameters as f64 / 1e6)
}
