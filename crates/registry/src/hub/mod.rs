//! Models of the Hugging Face Hub, in the cache that its own client keeps: what either downloads, both find.
//!
//! A model is asked for under a revision that may move, as `main`. It is known by a commit, under which its files are; each file
//! has one copy, named after its checksum, and links that lead to it.

mod cache;
pub(crate) mod choice;
mod client;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::fetch::{self, Digest, Download, FetchError, Fetched, Network, Note, Patience, Progress, Token, Watch, room};
use crate::kind::Kind;
use crate::peft;
pub use cache::Cached;
use cache::Repository;
use choice::Unfit;
use client::{Client, Listing};

const MAIN: &str = "main";

/// Which hub, and where its files are kept.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// `HF_HOME/hub`.
    pub cache: PathBuf,
    /// `https://huggingface.co`, or a mirror of it.
    pub endpoint: String,
    pub token: Option<Token>,
    /// Whether only what is on this machine counts.
    pub offline: bool,
    pub patience: Patience,
}

/// A model as the Hub names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    /// `org/name`, or `name` alone.
    pub repository: String,
    pub revision: Option<String>,
    /// A GGUF file in it.
    pub file: Option<String>,
}

impl fmt::Display for HubModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, revision, file } = self;
        write!(formatter, "{repository}")?;
        revision.iter().try_for_each(|revision| write!(formatter, "@{revision}"))?;
        file.iter().try_for_each(|file| write!(formatter, ":{file}"))
    }
}

impl HubModel {
    fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(MAIN)
    }
}

#[derive(Debug, Clone)]
pub struct Hub {
    settings: HubSettings,
}

impl Hub {
    pub fn new(settings: HubSettings) -> Self {
        Self { settings }
    }

    /// The files of a model or adapter that are on this machine, if all are.
    pub fn cached(&self, kind: Kind, model: &HubModel) -> Option<Fetched> {
        let repository = self.repository(model);
        let commit = repository.commit(model.revision())?;
        let path = kind.complete(&repository, &commit, model.file.as_deref())?;
        Some(Fetched { path, version: commit, note: None })
    }

    /// Every model of which there are files on this machine.
    pub fn list(&self) -> Result<Vec<Cached>, FetchError> {
        cache::list(&self.settings.cache)
    }

    /// Gives back the room that a model takes, all its revisions; the bytes that it took.
    pub fn remove(&self, model: &HubModel) -> Result<u64, FetchError> {
        self.repository(model).remove()
    }

    /// Sees to it that the files of a model or adapter are on this machine. If the Hub cannot be asked, what is there has to do.
    pub fn fetch(&self, kind: Kind, model: &HubModel, watch: Watch<'_>) -> Result<Fetched, FetchError> {
        let cached = self.cached(kind, model);
        // A commit never changes.
        if let Some(cached) = cached.as_ref().filter(|cached| cached.version == model.revision()) {
            return Ok(cached.clone());
        }
        if self.settings.offline {
            return cached.ok_or_else(|| FetchError::Offline(format!("hf:{model}")));
        }
        match (self.download(kind, model, watch), cached) {
            (Err(error), Some(cached)) if error.leaves_what_is_here() => {
                let here = format!("hf:{model} is served as it lies on this machine ({})", cached.version);
                Ok(Fetched { note: Some(Note::of(&here, &error)), ..cached })
            }
            (outcome, _) => outcome,
        }
    }

    fn repository(&self, model: &HubModel) -> Repository {
        Repository::new(&self.settings.cache, &model.repository)
    }

    fn download(&self, kind: Kind, model: &HubModel, watch: Watch<'_>) -> Result<Fetched, FetchError> {
        let HubSettings { endpoint, token, patience, .. } = &self.settings;
        let network = Network::new(*patience);
        let client = Client::new(&network, endpoint, token.as_ref(), model);
        let Listing { commit, files } = client.list()?;
        let chosen = kind.choose(&files, model.file.as_deref()).map_err(|why| why.told(model))?;
        let pull = Pull { client, repository: self.repository(model), commit };
        pull.all(&chosen, watch)?;
        let file = chosen.first().filter(|file| choice::is_gguf(file)).map(String::as_str);
        let path = kind.complete(&pull.repository, &pull.commit, file);
        let path =
            path.ok_or_else(|| FetchError::NotAModel(format!("hf:{model}: its index names files that it has not")))?;
        // Only now: what was there before stays what the revision means as long as this cannot be used.
        pull.repository.point(model.revision(), &pull.commit)?;
        Ok(Fetched { path, version: pull.commit, note: None })
    }
}

impl Kind {
    fn choose(self, files: &[String], named: Option<&str>) -> Result<Vec<String>, Unfit> {
        match (self, named) {
            (Self::Model, _) | (Self::Adapter, Some(_)) => choice::choose(files, named),
            (Self::Adapter, None) => choice::choose_adapter(files),
        }
    }

    /// Where it is, if all of it is there.
    fn complete(self, repository: &Repository, commit: &str, file: Option<&str>) -> Option<PathBuf> {
        match (self, file) {
            (Self::Model, _) | (Self::Adapter, Some(_)) => repository.complete(commit, file),
            (Self::Adapter, None) => {
                let snapshot = repository.snapshot(commit);
                peft::is_in(&snapshot).then_some(snapshot)
            }
        }
    }
}

/// The download of one commit's files.
struct Pull<'a> {
    client: Client<'a>,
    repository: Repository,
    commit: String,
}

/// A file that is not here yet.
struct Missing<'a> {
    name: &'a str,
    link: PathBuf,
    etag: String,
    size: u64,
}

impl Pull<'_> {
    fn all(&self, names: &[String], watch: Watch<'_>) -> Result<(), FetchError> {
        let mut missing = Vec::new();
        for name in names {
            let link = self.link(name)?;
            if !link.exists() {
                let (etag, size) = self.client.describe(name, &self.commit)?;
                missing.push(Missing { name, link, etag, size });
            }
        }
        let total = missing.iter().map(|file| file.size).sum();
        let to_come = missing.iter().map(|file| room::missing(file.size, &self.repository.partial(&file.etag))).sum();
        room::ensure(&self.repository.snapshot(&self.commit), to_come)?;
        let mut done = 0;
        for file in &missing {
            self.one(file, &mut |at| watch(Progress { done: done + at, total }))?;
            done += file.size;
        }
        Ok(())
    }

    fn link(&self, name: &str) -> Result<PathBuf, FetchError> {
        let outside = || FetchError::Outside { host: self.client.host().to_owned(), name: name.to_owned() };
        Ok(self.repository.snapshot(&self.commit).join(fetch::relative(name).ok_or_else(outside)?))
    }

    fn one(&self, file: &Missing<'_>, at: &mut dyn FnMut(u64)) -> Result<(), FetchError> {
        let blob = self.repository.blob(&file.etag);
        fetch::locked(&self.repository.lock(&file.etag), || {
            if !blob.exists() {
                self.get(file, &blob, at)?;
            }
            at(file.size);
            cache::link(&blob, &file.link, file.name)
        })
    }

    fn get(&self, file: &Missing<'_>, blob: &Path, at: &mut dyn FnMut(u64)) -> Result<(), FetchError> {
        let download = Download {
            name: file.name,
            url: &self.client.address(file.name, &self.commit),
            authorization: self.client.authorization(),
            size: Some(file.size),
            digest: Digest::of_etag(&file.etag),
        };
        fetch::download(self.client.network(), &download, &self.repository.partial(&file.etag), blob, at)
    }
}
