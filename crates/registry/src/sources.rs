//! The places that models are fetched from, as one.

use std::fmt;

use crate::declared;
use crate::entry::{Entry, Source};
use crate::fetch::{FetchError, Fetched, Note, Watch};
use crate::hub::{Cached, Hub, HubModel};
use crate::kind::Kind;
use crate::mlflow::{MlFlow, MlFlowModel, Registered};
use crate::scan;
use crate::tuned;

/// A model that is kept on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Hub(HubModel),
    MlFlow(MlFlowModel),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(model) => write!(formatter, "hf:{model}"),
            Self::MlFlow(model) => write!(formatter, "mlflow:{model}"),
        }
    }
}

/// Where they come from, and what of them is here.
#[derive(Debug, Clone)]
pub struct Sources {
    pub hub: Hub,
    pub mlflow: MlFlow,
}

impl Sources {
    /// The same model with its files on this machine; `None` if that would take a download.
    pub fn cached(&self, entry: &Entry) -> Option<Entry> {
        let Some(origin) = entry.origin() else { return Some(entry.clone()) };
        self.here(entry, &self.files_here(Kind::Model, origin)?)
    }

    fn files_here(&self, kind: Kind, origin: &Origin) -> Option<Fetched> {
        match origin {
            Origin::Hub(model) => self.hub.cached(kind, model),
            Origin::MlFlow(model) => self.mlflow.cached(kind, model),
        }
    }

    /// `None` if it takes a download all the same, or is no model.
    fn here(&self, entry: &Entry, fetched: &Fetched) -> Option<Entry> {
        match tuned::base(&fetched.path).ok()? {
            Some(base) => tuned::local(entry, fetched, &self.hub.cached(Kind::Model, &base)?).ok(),
            None => local(entry, fetched).ok(),
        }
    }

    /// The models of the Hub of which there are files on this machine, each under the id that it is asked for by: GGUF files by
    /// their names, other revisions than the default one by theirs, and the repository itself unless it is here for those alone.
    pub fn downloaded(&self) -> Result<Vec<Entry>, FetchError> {
        Ok(self.hub.list()?.iter().flat_map(|cached| self.models_of(cached)).collect())
    }

    fn models_of(&self, cached: &Cached) -> Vec<Entry> {
        let Cached { repository, revisions, files, bytes } = cached;
        let is_whole = |name: &String| {
            let cached = declared::hub(name).and_then(|model| self.hub.cached(Kind::Model, &model));
            cached.is_some_and(|fetched| fetched.path.is_dir())
        };
        let revisions = revisions.iter().map(|(revision, _)| format!("{repository}@{revision}"));
        let mut names: Vec<String> = [repository.clone()].into_iter().chain(revisions).filter(is_whole).collect();
        // The default one goes by the name alone.
        names.retain(|name| name.strip_prefix(repository.as_str()) != Some("@main"));
        names.extend(files.iter().map(|file| format!("{repository}:{file}")));
        if names.is_empty() {
            names.push(repository.clone());
        }
        let entry = |name: String| {
            let source = Source::Origin(Origin::Hub(declared::hub(&name)?));
            // Alone, a name of one part is no id.
            let id = if repository.contains('/') { name } else { format!("hf:{name}") };
            Some(Entry { size: *bytes, ..Entry::new(id, source) })
        };
        names.into_iter().filter_map(entry).collect()
    }

    /// The models of MLflow of which there is a version on this machine.
    pub fn registered_here(&self) -> Vec<Entry> {
        let entry = |(model, size): (MlFlowModel, u64)| {
            let origin = Origin::MlFlow(model);
            Entry { size, ..Entry::new(origin.to_string(), Source::Origin(origin)) }
        };
        self.mlflow.list().into_iter().map(entry).collect()
    }

    /// Whether it is an adapter that is here, and not the model beneath.
    pub fn is_adapter(&self, entry: &Entry) -> bool {
        let Some(origin) = entry.origin() else { return false };
        match self.files_here(Kind::Model, origin) {
            Some(fetched) => matches!(tuned::base(&fetched.path), Ok(Some(_)) | Err(_)),
            None => self.files_here(Kind::Adapter, origin).is_some(),
        }
    }

    /// What the registry that it comes from said of this version of it, when it was last asked.
    pub fn registered(&self, kind: Kind, origin: &Origin, version: &str) -> Option<Registered> {
        match origin {
            Origin::Hub(_) => None,
            Origin::MlFlow(model) => self.mlflow.registered(kind, model, version),
        }
    }

    /// Remembers that this version of it answers, in case that a newer one does not.
    pub fn answers(&self, kind: Kind, origin: &Origin, version: &str) -> Result<(), FetchError> {
        match origin {
            Origin::MlFlow(model) => self.mlflow.answers(kind, model, version),
            // A commit stays what it is, and the Hub's own client looks after the cache.
            Origin::Hub(_) => Ok(()),
        }
    }

    /// The version of a model that answered last, if its registry counts versions and this one is on this machine.
    pub fn last_good(&self, entry: &Entry) -> Option<Entry> {
        self.here(entry, &self.last_good_files(Kind::Model, entry.origin()?)?)
    }

    /// The files of that version.
    pub fn last_good_files(&self, kind: Kind, origin: &Origin) -> Option<Fetched> {
        match origin {
            Origin::MlFlow(model) => self.mlflow.last_good(kind, model),
            Origin::Hub(_) => None,
        }
    }

    /// The same model with its files on this machine, after a download if need be, and why it may not be the newest. It may
    /// take hours.
    pub fn fetch(&self, entry: &Entry, watch: Watch<'_>) -> Result<(Entry, Option<Note>), FetchError> {
        let Some(origin) = entry.origin() else { return Ok((entry.clone(), None)) };
        let fetched = self.fetch_files(Kind::Model, origin, watch).map_err(|error| nor_a_path(error, entry, origin))?;
        let Some(base) = tuned::base(&fetched.path)? else { return Ok((local(entry, &fetched)?, fetched.note)) };
        let base = self.hub.fetch(Kind::Model, &base, watch)?;
        Ok((tuned::local(entry, &fetched, &base)?, fetched.note.or(base.note)))
    }

    /// What is kept there, on this machine, after a download if need be; without the model beneath, where there is one.
    pub fn fetch_files(&self, kind: Kind, origin: &Origin, watch: Watch<'_>) -> Result<Fetched, FetchError> {
        match origin {
            Origin::Hub(model) => self.hub.fetch(kind, model, watch),
            Origin::MlFlow(model) => self.mlflow.fetch(kind, model, watch),
        }
    }
}

/// Who writes a name without `hf:` may have meant a path.
fn nor_a_path(error: FetchError, entry: &Entry, origin: &Origin) -> FetchError {
    match origin {
        Origin::Hub(model) if entry.id == model.to_string() => {
            FetchError::NeitherHere { name: entry.id.clone(), source: Box::new(error) }
        }
        Origin::Hub(_) | Origin::MlFlow(_) => error,
    }
}

pub(crate) fn local(entry: &Entry, fetched: &Fetched) -> Result<Entry, FetchError> {
    let found =
        scan::named_model(&fetched.path).map_err(|error| FetchError::NotAModel(crate::error::with_causes(&error)))?;
    let is_of_mlflow = matches!(entry.origin(), Some(Origin::MlFlow(_)));
    let adapter = if is_of_mlflow { tuned::beside(&fetched.path) } else { None };
    Ok(Entry { id: entry.id.clone(), version: Some(fetched.version.clone()), adapter, ..found })
}
