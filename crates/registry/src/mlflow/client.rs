//! MLflow's REST API, as its server 3.17 answers: which version is meant, and the proxy through which its files are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::uri::Target;
use super::{Access, MlFlowModel, Registered};
use crate::fetch::{FetchError, Network, Reply, escaped};

const API: &str = "api/2.0/mlflow";
const PROXY: &str = "api/2.0/mlflow-artifacts/artifacts";

pub(super) struct Client<'a> {
    network: &'a Network,
    /// Without a name and password, nor a slash at its end.
    server: String,
    authorization: Option<String>,
}

/// The version that is meant, and the place of its files.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: String,
    pub(super) files: String,
}

/// Something in a directory of the proxy.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) is_directory: bool,
    /// Where the server says it.
    pub(super) size: Option<u64>,
}

impl<'a> Client<'a> {
    pub(super) fn new(network: &'a Network, server: &str, access: &Access) -> Self {
        let (scheme, host) = server.split_once("://").unwrap_or(("", server));
        let (inside, host) = host.rsplit_once('@').map_or((None, host), |(inside, host)| (Some(inside), host));
        let basic = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair));
        // In an address `@`, `/` and others are written as `%40`, `%2F`.
        let decoded = |inside: &str| percent_decode_str(inside).collect::<Vec<u8>>();
        let authorization = match access {
            Access::Basic { user, password } => Some(basic(format!("{user}:{}", password.expose()).as_bytes())),
            Access::Bearer(token) => Some(format!("Bearer {}", token.expose())),
            Access::Anybody => inside.map(|inside| basic(&decoded(inside))),
        };
        Self { network, server: format!("{scheme}://{}", host.trim_end_matches('/')), authorization }
    }

    pub(super) fn network(&self) -> &'a Network {
        self.network
    }

    pub(super) fn host(&self) -> &str {
        self.server.split_once("://").map_or(&self.server, |(_, host)| host)
    }

    /// What this server is known by, for addresses of the registry itself.
    pub(super) fn authorization_for(&self, url: &str) -> Option<&str> {
        let own = url.strip_prefix(&self.server).is_some_and(|rest| rest.starts_with('/'));
        self.authorization.as_deref().filter(|_| own)
    }

    /// Which version a model is now.
    pub(super) fn resolve(&self, model: &MlFlowModel) -> Result<Found, FetchError> {
        if let Target::Logged { id } = &model.target {
            let answer = self.ask(&format!("logged-models/{}", escaped(id)), &[])?;
            let answer = answer.or_missing(|| format!("there is no logged model {id} in MLflow at {}", self.host()))?;
            let files = answer["model"]["info"]["artifact_uri"].as_str();
            let files = files.ok_or_else(|| self.senseless("it does not say where the model's files are"))?;
            return Ok(Found { version: id.clone(), files: files.to_owned() });
        }
        let version = self.version(model)?;
        let query = [("name", model.name()), ("version", &version)];
        let answer = self.ask("model-versions/get-download-uri", &query)?;
        let answer = answer.or_missing(|| format!("mlflow:{model}: version {version} has no files"))?;
        let files = answer["artifact_uri"].as_str().ok_or_else(|| self.senseless("it names no place of the files"))?;
        Ok(Found { version, files: self.place(files)? })
    }

    /// The place of what is named by the run that logged it: `runs:/<run>/model`.
    fn place(&self, named: &str) -> Result<String, FetchError> {
        let Some(named) = named.strip_prefix("runs:/") else { return Ok(named.to_owned()) };
        let named = named.trim_start_matches('/');
        let (run, path) = named.split_once('/').unwrap_or((named, ""));
        let answer = self.ask("runs/get", &[("run_id", run)])?;
        let answer =
            answer.or_missing(|| format!("there is no run {run} in MLflow at {}, which the version is of", self.host()))?;
        let root = answer["run"]["info"]["artifact_uri"].as_str();
        let root = root.ok_or_else(|| self.senseless("it does not say where the run's files are"))?;
        Ok(format!("{}/{path}", root.trim_end_matches('/')).trim_end_matches('/').to_owned())
    }

    /// What the registry says of a version beside its files: of itself, of the model that was logged, of the run that made it.
    pub(super) fn about(&self, model: &MlFlowModel, version: &str) -> Result<Registered, FetchError> {
        let registered = if let Target::Logged { id } = &model.target {
            Registered::of_logged(id, &self.logged(id)?)
        } else {
            let answer = self.ask("model-versions/get", &[("name", model.name()), ("version", version)])?.given();
            let found = &answer["model_version"];
            let registered = Registered::of_version(model.name(), found);
            match found["source"].as_str().and_then(|source| source.strip_prefix("models:/")) {
                Some(id) => registered.logged_as(&self.logged(id)?),
                None => registered,
            }
        };
        let Some(run) = registered.run_id.clone() else { return Ok(registered) };
        // It may have been deleted since.
        let answer = self.ask("runs/get", &[("run_id", &run)])?.given();
        Ok(registered.noted(&answer["run"]["data"]))
    }

    fn logged(&self, id: &str) -> Result<Value, FetchError> {
        let mut answer = self.ask(&format!("logged-models/{}", escaped(id)), &[])?.given();
        Ok(answer["model"].take())
    }

    fn version(&self, model: &MlFlowModel) -> Result<String, FetchError> {
        let name = model.name();
        let answer = match &model.target {
            Target::Version { version, .. } => self.ask("model-versions/get", &[("name", name), ("version", version)])?,
            Target::Alias { alias, .. } => self.ask("registered-models/alias", &[("name", name), ("alias", alias)])?,
            Target::Stage { stage, .. } => {
                self.ask("registered-models/get-latest-versions", &[("name", name), ("stages", stage)])?
            }
            Target::Latest { .. } | Target::Logged { .. } => {
                self.ask("registered-models/get-latest-versions", &[("name", name)])?
            }
        };
        let version = match &answer {
            Answer::Given(answer) => newest(answer),
            Answer::Missing => None,
        };
        version.map_or_else(|| Err(FetchError::NotThere(self.what_there_is(model)?)), Ok)
    }

    /// For somebody who asked for what is not there.
    fn what_there_is(&self, model: &MlFlowModel) -> Result<String, FetchError> {
        let (name, host) = (model.name(), self.host());
        let Answer::Given(answer) = self.ask("registered-models/get", &[("name", name)])? else {
            let all = self.ask("registered-models/search", &[("max_results", "50")])?;
            let models = texts(&all.given()["registered_models"], |model| model["name"].as_str().map(str::to_owned));
            return Ok(format!("there is no model {name:?} in MLflow at {host}; {}", there_are(&models)));
        };
        let registered = &answer["registered_model"];
        let versions = texts(&registered["latest_versions"], |version| {
            Some(format!(
                "version {} ({})",
                version["version"].as_str()?,
                version["current_stage"].as_str().unwrap_or("None")
            ))
        });
        let aliases = texts(&registered["aliases"], |alias| {
            Some(format!("@{} (version {})", alias["alias"].as_str()?, alias["version"].as_str()?))
        });
        Ok(format!("there is no {model} in MLflow at {host}; {}", there_are(&[versions, aliases].concat())))
    }

    /// One directory of a model.
    pub(super) fn list(&self, place: &str, directory: &str) -> Result<Vec<Listed>, FetchError> {
        let (base, root) = self.proxy(place)?;
        let path = [root, directory].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let url = format!("{base}?path={}", escaped(&path));
        let answer = self.get(&url)?.or_missing(|| format!("there are no files at {place} in MLflow at {}", self.host()))?;
        let files = answer["files"].as_array().map(Vec::as_slice).unwrap_or_default();
        files
            .iter()
            .map(|file| {
                let name = file["path"].as_str().ok_or_else(|| self.senseless("it lists a file without a name"))?;
                // Some servers say it as text, as JSON's large numbers are said.
                let size = file["file_size"].as_u64().or_else(|| file["file_size"].as_str()?.parse().ok());
                Ok(Listed { name: name.to_owned(), is_directory: file["is_dir"] == true, size })
            })
            .collect()
    }

    /// Where a file of a model is to be had.
    pub(super) fn address(&self, place: &str, file: &str) -> Result<String, FetchError> {
        let (base, root) = self.proxy(place)?;
        Ok(format!("{base}/{}/{}", escaped(root), escaped(file)))
    }

    /// A short file of a model, if it is there.
    pub(super) fn text(&self, place: &str, file: &str) -> Option<String> {
        let url = self.address(place, file).ok()?;
        let (reply, text) = self.network.ask(&url, self.authorization_for(&url)).ok()?;
        (reply.status() == 200).then_some(text)
    }

    /// The address of the proxy, and the path that it has to be asked for.
    fn proxy<'p>(&self, place: &'p str) -> Result<(String, &'p str), FetchError> {
        let path = place.strip_prefix("mlflow-artifacts:").ok_or_else(|| {
            FetchError::NotAModel(format!(
                "the model's files are at {place}, which this server does not reach: MLflow has to hand them out itself (mlflow server --serve-artifacts)"
            ))
        })?;
        let scheme = self.server.split_once("://").map_or("http", |(scheme, _)| scheme);
        Ok(match path.strip_prefix("//") {
            Some(rest) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                (format!("{scheme}://{host}/{PROXY}"), path)
            }
            None => (format!("{}/{PROXY}", self.server), path.trim_start_matches('/')),
        })
    }

    fn ask(&self, call: &str, query: &[(&str, &str)]) -> Result<Answer, FetchError> {
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", escaped(value).replace('/', "%2F"))).collect();
        self.get(&format!("{}/{API}/{call}?{}", self.server, query.join("&")))
    }

    fn get(&self, url: &str) -> Result<Answer, FetchError> {
        let (reply, text) = self.network.ask(url, self.authorization_for(url))?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        match (reply.status(), answer) {
            (200, Some(answer)) => Ok(Answer::Given(answer)),
            (200, None) => Err(reply.senseless("it is no JSON; is this the address of an MLflow server?")),
            // An alias, or a stage, that there is not: an argument that is wrong.
            (404, Some(_)) => Ok(Answer::Missing),
            (400, Some(answer)) if answer["error_code"] == "INVALID_PARAMETER_VALUE" => Ok(Answer::Missing),
            (_, answer) => Err(refused(&reply, answer.as_ref(), &text)),
        }
    }

    fn senseless(&self, what: &str) -> FetchError {
        FetchError::Senseless { host: self.host().to_owned(), what: what.to_owned() }
    }
}

/// What the registry says to a question.
enum Answer {
    Given(Value),
    /// There is no such thing.
    Missing,
}

impl Answer {
    fn or_missing(self, what: impl FnOnce() -> String) -> Result<Value, FetchError> {
        match self {
            Self::Given(answer) => Ok(answer),
            Self::Missing => Err(FetchError::NotThere(what())),
        }
    }

    fn given(self) -> Value {
        match self {
            Self::Given(answer) => answer,
            Self::Missing => Value::Null,
        }
    }
}

/// The version that an answer tells of; the highest of several.
fn newest(answer: &Value) -> Option<String> {
    let one = answer["model_version"]["version"].as_str();
    let several = answer["model_versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let several =
        several.iter().filter_map(|version| version["version"].as_str()).max_by_key(|version| version.parse::<u64>().ok());
    one.or(several).map(str::to_owned)
}

fn texts(list: &Value, text: impl Fn(&Value) -> Option<String>) -> Vec<String> {
    list.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(text).collect()
}

fn there_are(names: &[String]) -> String {
    if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

/// Why the server answers nothing of what was asked.
fn refused(reply: &Reply, answer: Option<&Value>, text: &str) -> FetchError {
    let said = answer.and_then(|answer| answer["message"].as_str());
    // A page for people says nothing in a log.
    let message = said.unwrap_or(if text.trim_start().starts_with('<') { "" } else { text }).to_owned();
    let forbidden = |remedy: &str| FetchError::Forbidden {
        host: reply.host.clone(),
        remedy: remedy.to_owned(),
        message: message.clone(),
    };
    match reply.status() {
        403 if text.contains("Invalid Host header") => {
            forbidden("it does not know itself by this name; start it with --allowed-hosts and this name")
        }
        401 | 403 => forbidden(
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, have to be those of somebody who may read the model",
        ),
        status => FetchError::Answered { host: reply.host.clone(), status, message },
    }
}
