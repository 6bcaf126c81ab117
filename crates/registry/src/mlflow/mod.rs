//! Models of an MLflow registry: which version a name, a stage or an alias means now, and its files, through the server's proxy,
//! in a cache with one directory a version.

mod cache;
mod client;
mod layout;
mod registered;
mod tree;
mod uri;

use std::fs;
use std::path::{Path, PathBuf};

use crate::fetch::{self, Download, FetchError, Fetched, Network, Note, Patience, Progress, Token, Watch, room};
use crate::kind::Kind;
use cache::Versions;
use client::{Client, Found};
use layout::Part;
pub(crate) use layout::{MLMODEL, PEFT, source_model};
pub use registered::Registered;
pub use uri::{MlFlowModel, NotAModelUri};

/// Which registry, and where its files are kept.
#[derive(Debug, Clone)]
pub struct MlFlowSettings {
    pub cache: PathBuf,
    /// `MLFLOW_TRACKING_URI`: `http://localhost:5000`
    pub tracking_uri: Option<String>,
    pub access: Access,
    pub patience: Patience,
}

/// How the registry is to know this server.
#[derive(Debug, Clone, Default)]
pub enum Access {
    #[default]
    Anybody,
    /// As MLflow's own client does it, these go before a token.
    Basic {
        user: String,
        password: Token,
    },
    Bearer(Token),
}

#[derive(Debug, Clone)]
pub struct MlFlow {
    settings: MlFlowSettings,
}

impl MlFlow {
    pub fn new(settings: MlFlowSettings) -> Self {
        Self { settings }
    }

    /// The files of a model or adapter that are on this machine: of the version that it was when it was last asked for.
    pub fn cached(&self, kind: Kind, model: &MlFlowModel) -> Option<Fetched> {
        let versions = self.versions(kind, model)?;
        let version = versions.remembered(model)?;
        let path = versions.known(&version)?;
        Some(Fetched { path, version, note: None })
    }

    /// Every model and adapter of the registry of which a version is on this machine, with its bytes.
    pub fn list(&self) -> Vec<(MlFlowModel, u64)> {
        let Some(server) = &self.settings.tracking_uri else { return Vec::new() };
        let mut list = cache::list(&self.cache(Kind::Model), server);
        for (adapter, bytes) in cache::list(&self.cache(Kind::Adapter), server) {
            match list.iter_mut().find(|(model, _)| *model == adapter) {
                Some((_, both)) => *both += bytes,
                None => list.push((adapter, bytes)),
            }
        }
        list
    }

    /// Gives back the room that a registered model takes, all its versions; the bytes that it took.
    pub fn remove(&self, name: &str) -> Result<u64, FetchError> {
        let server = self.settings.tracking_uri.as_deref().ok_or_else(|| no_server(name))?;
        let remove = |kind| Versions::new(&self.cache(kind), server, name).remove();
        Ok(remove(Kind::Model)? + remove(Kind::Adapter)?)
    }

    /// What the registry said of a version when it was last asked.
    pub fn registered(&self, kind: Kind, model: &MlFlowModel, version: &str) -> Option<Registered> {
        self.versions(kind, model)?.described(version)
    }

    /// Remembers that this version answers. The versions that nothing means any more are deleted, after a while.
    pub fn answers(&self, kind: Kind, model: &MlFlowModel, version: &str) -> Result<(), FetchError> {
        let Some(versions) = self.versions(kind, model) else { return Ok(()) };
        versions.remember_good(model, version)?;
        versions.tidy();
        Ok(())
    }

    /// The version that answered last, if its files are still on this machine.
    pub fn last_good(&self, kind: Kind, model: &MlFlowModel) -> Option<Fetched> {
        let (version, path) = self.versions(kind, model)?.good(model)?;
        Some(Fetched { path, version, note: None })
    }

    /// Sees to it that the files of a model or adapter are on this machine. If the registry cannot be asked, what is there has to
    /// do.
    pub fn fetch(&self, kind: Kind, model: &MlFlowModel, watch: Watch<'_>) -> Result<Fetched, FetchError> {
        match (self.download(kind, model, watch), self.cached(kind, model)) {
            (Err(error), Some(cached)) if error.leaves_what_is_here() => {
                let here = format!("mlflow:{model} is served as it lies on this machine (version {})", cached.version);
                Ok(Fetched { note: Some(Note::of(&here, &error)), ..cached })
            }
            (outcome, _) => outcome,
        }
    }

    /// `None` where no registry is named.
    fn versions(&self, kind: Kind, model: &MlFlowModel) -> Option<Versions> {
        let server = self.settings.tracking_uri.as_deref()?;
        Some(Versions::new(&self.cache(kind), server, model.name()))
    }

    fn cache(&self, kind: Kind) -> PathBuf {
        match kind {
            Kind::Model => self.settings.cache.clone(),
            // A version may hold both, and what is half of one is not to be taken for the other.
            Kind::Adapter => self.settings.cache.join("adapters"),
        }
    }

    fn download(&self, kind: Kind, model: &MlFlowModel, watch: Watch<'_>) -> Result<Fetched, FetchError> {
        let MlFlowSettings { tracking_uri, access, patience, .. } = &self.settings;
        let server = tracking_uri.as_deref().ok_or_else(|| no_server(model))?;
        let network = Network::new(*patience);
        let client = Client::new(&network, server, access);
        let Found { version, files } = client.resolve(model)?;
        let versions = Versions::new(&self.cache(kind), server, model.name());
        let directory = cache::directory(&version, &files);
        let pull = Pull { find: kind.find(), client: &client, versions: &versions, model, directory: &directory };
        let path = match versions.complete(&directory) {
            Some(path) => path,
            None => fetch::locked(&versions.lock(&directory), || pull.all(&files, watch))?,
        };
        versions.remember(model, &version, &directory)?;
        // Without it, the model is served all the same.
        let _ = client.about(model, &version).and_then(|registered| versions.describe(&version, &registered));
        Ok(Fetched { path, version, note: None })
    }
}

fn no_server(model: impl std::fmt::Display) -> FetchError {
    FetchError::NotThere(format!("mlflow:{model}: MLFLOW_TRACKING_URI has to name the server, as http://localhost:5000"))
}

impl Kind {
    fn find(self) -> Find {
        match self {
            Self::Model => layout::find,
            Self::Adapter => layout::find_adapter,
        }
    }
}

/// Which files are needed.
type Find = fn(&[tree::Remote]) -> Result<Vec<Part>, layout::Unfit>;

/// The download of one version's files.
struct Pull<'a> {
    find: Find,
    client: &'a Client<'a>,
    versions: &'a Versions,
    model: &'a MlFlowModel,
    /// The name of the directory that they will be in.
    directory: &'a str,
}

impl Pull<'_> {
    /// From the place of its files to a directory that is complete.
    fn all(&self, place: &str, watch: Watch<'_>) -> Result<PathBuf, FetchError> {
        // Another may have done it while this one waited.
        if let Some(path) = self.versions.complete(self.directory) {
            return Ok(path);
        }
        let files = tree::list(self.client, self.model, place)?;
        let layout = (self.find)(&files);
        let parts = layout.map_err(|unfit| unfit.told(self.model, || self.client.text(place, MLMODEL)))?;
        let directory = self.versions.incomplete(self.directory);
        let total = parts.iter().filter_map(|part| part.size).sum();
        let to_come = |part: &Part| {
            let path = directory.join(&part.name);
            if path.is_file() { 0 } else { room::missing(part.size.unwrap_or(0), &path.with_added_extension("part")) }
        };
        room::ensure(&directory, parts.iter().map(to_come).sum())?;
        let mut done = 0;
        for part in &parts {
            self.one(place, part, &directory, &mut |at| watch(Progress { done: done + at, total }))?;
            done += part.size.unwrap_or(0);
        }
        self.versions.finish(self.directory)
    }

    fn one(&self, place: &str, part: &Part, directory: &Path, at: &mut dyn FnMut(u64)) -> Result<(), FetchError> {
        let outside = || FetchError::Outside { host: self.client.host().to_owned(), name: part.name.clone() };
        let destination = directory.join(fetch::relative(&part.name).ok_or_else(outside)?);
        // It has this name only since it was whole.
        if let Some(size) = fs::metadata(&destination).ok().map(|metadata| metadata.len())
            && part.size.is_none_or(|wanted| wanted == size)
        {
            at(size);
            return Ok(());
        }
        let url = self.client.address(place, &part.remote)?;
        let download = Download {
            name: &part.remote,
            authorization: self.client.authorization_for(&url),
            url: &url,
            size: part.size,
            // MLflow keeps none.
            digest: None,
        };
        fetch::download(self.client.network(), &download, &destination.with_added_extension("part"), &destination, at)
    }
}
