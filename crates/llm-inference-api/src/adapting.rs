//! Adapters: from where the catalogue or an administrator says they are, into the memory of a model that is open.

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use checkpoint::AdapterSummary;
use engine::Engine;
use registry::{Declared, Sources};
use serving::{AdaptError, Adapted, AdapterSource, Adapts, OpenError};

use crate::{assemble, fetching};

/// An adapter's files, on this machine.
struct Files {
    directory: PathBuf,
    /// What its origin calls this state of it.
    version: Option<String>,
}

impl Files {
    /// Where nobody calls it anything, the date of its weights.
    fn version(&self) -> String {
        self.version.clone().unwrap_or_else(|| assemble::date(created(&self.directory)))
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
    let opened = checkpoint::Adapter::open(&files.directory, engine.architecture());
    let opened = opened.map_err(|error| failed(error.into()))?;
    let bytes = engine.adapter_bytes(&opened);
    if !room(bytes) {
        return Err(AdaptError::NoRoom { bytes });
    }
    let adapter = engine.adapter(&opened).map_err(|error| failed(error.into()))?;
    let (created, version) = (created(&files.directory), files.version());
    Ok(Adapted { adapter, description: described(&opened.summary), version, created, bytes })
}

fn files(source: &str, sources: &Sources) -> Result<Files> {
    match source.parse() {
        Ok(Declared::Path(directory)) => Ok(Files { directory, version: None }),
        Ok(Declared::Origin(origin)) => {
            let fetched = fetching::fetch_adapter(&origin, sources)?;
            Ok(Files { directory: fetched.path, version: Some(fetched.version) })
        }
        Ok(Declared::Embedded | Declared::Remote(_)) | Err(_) => Err(anyhow!("{source:?} is no place of an adapter")),
    }
}

/// What can be known to be wrong with an adapter of the catalogue without its model.
pub(crate) fn problem(id: &str, source: &Declared) -> Option<String> {
    let Declared::Path(directory) = source else { return None };
    let missing = !directory.join("adapter_config.json").is_file();
    missing.then(|| format!("the adapter {id:?} cannot be loaded: {} has no adapter_config.json", directory.display()))
}

/// Of its weights.
fn created(directory: &Path) -> SystemTime {
    let metadata = directory.join("adapter_model.safetensors").metadata();
    metadata.and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn described(summary: &AdapterSummary) -> String {
    let AdapterSummary { rank, modules, parameters, base } = summary;
    let base = base.as_ref().map(|base| format!(", for {base}")).unwrap_or_default();
    format!("LoRA, rank {rank}, {modules} modules, {:.1} M parameters{base}", *parameters as f64 / 1e6)
}
