//! The settings in force. Each value knows where it comes from.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use accounts::{Listed, Organization, Secret};
use api::{TrustedHosts, TrustedProxies};
use backend::{MaxTokens, Temperature, TopP};
use gateway::{Balance, Timeouts, UpstreamSettings};
use registry::{Allowed, Declared};
use serving::{Defaults, Group, Route};
use telemetry::Protocol;
use telemetry::logs::Format;

use super::file::Place;
use super::names::Names;
use super::otlp::{Endpoint, Headers, ResourceAttributes};
use super::parse::{Allowance, KvCacheType, LogLevel, Origins, Quantization, Rate, Recording, Speculation};
use super::placement::Placement;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
    pub(crate) names: &'static Names,
}

impl<T: Copy> Setting<T> {
    /// Unless nobody set it.
    pub(crate) fn said_value(&self) -> Option<T> {
        (self.origin != Origin::Default).then_some(self.value)
    }
}

impl<T> Setting<T> {
    /// What to change for another value: where it was set, else the variable that would set it.
    pub(crate) fn said(&self) -> String {
        match &self.origin {
            Origin::CommandLine(flag) => (*flag).to_owned(),
            Origin::Environment(variable) => (*variable).to_owned(),
            Origin::File(place) => format!("{} ({place})", self.names.key.unwrap_or_default()),
            Origin::WorkingDirectory | Origin::Default => self.names.name().to_owned(),
        }
    }
}

/// Who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// With the flag.
    CommandLine(&'static str),
    /// With the variable or its alias.
    Environment(&'static str),
    /// In the file.
    File(Place),
    /// By the file that lies there.
    WorkingDirectory,
    Default,
}

impl Origin {
    /// Whether what is said here counts more than what is said there.
    pub(crate) fn precedes(&self, other: &Self) -> bool {
        let rank = |origin: &Self| match origin {
            Self::CommandLine(_) => 0,
            Self::Environment(_) => 1,
            Self::File(_) => 2,
            Self::WorkingDirectory | Self::Default => 3,
        };
        rank(self) < rank(other)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(flag) => write!(formatter, "command line ({flag})"),
            Self::Environment(variable) => write!(formatter, "environment ({variable})"),
            Self::File(place) => write!(formatter, "file ({place})"),
            Self::WorkingDirectory => formatter.write_str("working directory"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The file that was read.
    pub(crate) file: Setting<Option<PathBuf>>,
    pub(crate) models: ModelSettings,
    pub(crate) registry: RegistrySettings,
    pub(crate) scorers: ScorerSettings,
    pub(crate) engine: EngineSettings,
    pub(crate) generation: GenerationSettings,
    pub(crate) predict: PredictSettings,
    pub(crate) http: HttpSettings,
    pub(crate) accounts: AccountSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) log: LogSettings,
    pub(crate) telemetry: TelemetrySettings,
    /// What the person who started the server should know, in whole sentences.
    pub(crate) warnings: Vec<String>,
}

impl ModelSettings {
    /// What the catalogue has the weights of a model encoded in.
    pub(crate) fn own_quantization(&self, id: &str) -> Option<Quantization> {
        self.declared(id)?.quantization
    }

    fn declared(&self, id: &str) -> Option<&DeclaredModel> {
        self.declared.iter().find(|model| model.id == id)
    }
}

impl Settings {
    /// Bytes that all served models may take together.
    pub(crate) fn memory(&self) -> u64 {
        self.models.memory.value.map_or(u64::MAX, |bytes| bytes.get() as u64)
    }

    /// What the catalogue says of a model.
    pub(crate) fn declared(&self, id: &str) -> Option<&DeclaredModel> {
        self.models.declared(id)
    }

    /// How the engine of one model is to be run.
    pub(crate) fn engine_of(&self, id: &str) -> EngineSettings {
        let mut engine = self.engine.clone();
        engine.placement = self.declared(id).map(|model| model.placement).unwrap_or_default();
        engine.own_quantization = self.models.own_quantization(id);
        if let Some(DeclaredModel { quantization: Some(quantization), place, .. }) = self.declared(id) {
            engine.quantization.value = *quantization;
            engine.quantization.origin = Origin::File(place.clone());
        }
        engine
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelSettings {
    /// A path, or the id of a model in the other places.
    pub(crate) named: Setting<Option<PathBuf>>,
    pub(crate) directory: Setting<Option<PathBuf>>,
    pub(crate) allowed: Setting<Allowed>,
    /// What they may take together; without, as much as there is.
    pub(crate) memory: Setting<Option<NonZeroUsize>>,
    /// Below it adapters may be loaded while the server runs; nowhere, without.
    pub(crate) adapter_root: Setting<Option<PathBuf>>,
    /// What adapters may take together, beside the models.
    pub(crate) adapter_memory: Setting<NonZeroUsize>,
    /// The file's catalogue. No two have a name in common.
    pub(crate) declared: Vec<DeclaredModel>,
    /// Names of it that are no models. None of them is a model's in the file.
    pub(crate) routes: Vec<DeclaredRoute>,
}

/// A model of the file's catalogue: under which names, from where, and what is its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredModel {
    pub(crate) id: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) source: Declared,
    /// In place of that of all models.
    pub(crate) quantization: Option<Quantization>,
    pub(crate) placement: Placement,
    pub(crate) max_tokens: Option<MaxTokens>,
    pub(crate) defaults: Defaults,
    pub(crate) group: Group,
    /// `None`: it runs here.
    pub(crate) remote: Option<RemoteModel>,
    /// Ids and aliases of the models that are asked in its place.
    pub(crate) fallbacks: Vec<String>,
    /// LoRA adapters, each with what it is asked for by.
    pub(crate) adapters: Vec<(String, Declared)>,
    pub(crate) place: Place,
}

/// A name of the file's catalogue behind which a scorer chooses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredRoute {
    pub(crate) route: Route,
    pub(crate) place: Place,
}

/// Where a model runs that does not run here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RemoteModel {
    /// At least one.
    pub(crate) upstreams: Vec<UpstreamSettings>,
    pub(crate) timeouts: Timeouts,
    pub(crate) balance: Balance,
    /// Of a request, which those servers are not to see.
    pub(crate) refused_fields: Vec<String>,
}

/// What says which model suits which prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScorerSettings {
    /// It need not be there: then there are none.
    pub(crate) directory: Setting<PathBuf>,
    pub(crate) record: Setting<Recording>,
    pub(crate) record_bytes: Setting<NonZeroUsize>,
}

/// Where models come from that are not on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegistrySettings {
    pub(crate) home: Setting<PathBuf>,
    pub(crate) endpoint: Setting<String>,
    pub(crate) hub_token: Setting<Option<Secret>>,
    pub(crate) offline: Setting<bool>,
    /// There is one where a model comes from there. It may hold a name and a password.
    pub(crate) tracking_uri: Setting<Option<Secret>>,
    /// It is among the declared models.
    pub(crate) model_name: Setting<Option<String>>,
    pub(crate) model_stage: Setting<String>,
    /// Zero: never.
    pub(crate) refresh: Setting<Duration>,
    pub(crate) user: Setting<Option<String>>,
    pub(crate) password: Setting<Option<Secret>>,
    pub(crate) tracking_token: Setting<Option<Secret>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EngineSettings {
    pub(crate) quantization: Setting<Quantization>,
    pub(crate) threads: Setting<NonZeroUsize>,
    /// For all models together.
    pub(crate) kv_cache_bytes: Setting<NonZeroUsize>,
    pub(crate) kv_cache_type: Setting<KvCacheType>,
    /// Sequences of one model.
    pub(crate) max_running: Setting<NonZeroUsize>,
    pub(crate) max_queued: Setting<usize>,
    pub(crate) queue_timeout: Setting<Duration>,
    pub(crate) speculation: Setting<Speculation>,
    /// At most 15.
    pub(crate) speculation_tokens: Setting<NonZeroUsize>,
    /// A path or an id; there is one where drafts are asked for.
    pub(crate) draft_model: Setting<Option<PathBuf>>,
    /// Of one model; the catalogue alone has it.
    pub(crate) placement: Placement,
    /// What the catalogue says of one model: encoders heed nothing else, for vectors are kept, and compared with later ones.
    pub(crate) own_quantization: Option<Quantization>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GenerationSettings {
    pub(crate) temperature: Setting<Temperature>,
    pub(crate) top_p: Setting<TopP>,
    /// At most `max_tokens_limit`.
    pub(crate) max_tokens: Setting<NonZeroU32>,
    pub(crate) max_tokens_limit: Setting<NonZeroU32>,
    /// The most for a model that has no maximum of its own, where it is lower.
    pub(crate) max_tokens_unsaid: Option<NonZeroU32>,
}

/// Of `/predict` alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PredictSettings {
    pub(crate) max_length: Setting<NonZeroU32>,
    pub(crate) prompt_tokens: Setting<NonZeroU32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpSettings {
    pub(crate) host: Setting<String>,
    pub(crate) port: Setting<u16>,
    pub(crate) origins: Setting<Origins>,
    pub(crate) trusted_hosts: Setting<TrustedHosts>,
    pub(crate) trusted_proxies: Setting<TrustedProxies>,
    pub(crate) metrics_need_key: Setting<bool>,
    /// There are both files where it is spoken.
    pub(crate) tls: Setting<bool>,
    pub(crate) tls_certificate: Setting<Option<PathBuf>>,
    pub(crate) tls_key: Setting<Option<PathBuf>>,
    pub(crate) body_limit: Setting<NonZeroUsize>,
    pub(crate) max_connections: Setting<NonZeroUsize>,
    pub(crate) workers: Setting<NonZeroUsize>,
    pub(crate) shutdown_grace: Setting<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccountSettings {
    pub(crate) api_key: Setting<Option<Secret>>,
    pub(crate) keys_file: Setting<Option<PathBuf>>,
    /// Absent: a file in the data directory.
    pub(crate) database_url: Setting<Option<Secret>>,
    pub(crate) data_directory: Setting<PathBuf>,
    /// How long what was used is kept.
    pub(crate) ledger_days: Setting<NonZeroU32>,
    /// Nothing is served as long as there is no key.
    pub(crate) required: Setting<bool>,
    /// Those of the file.
    pub(crate) organizations: Vec<Organization>,
    /// Their keys.
    pub(crate) listed: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LimitSettings {
    pub(crate) ip_requests_per_second: Setting<Rate>,
    pub(crate) ip_burst: Setting<NonZeroU32>,
    pub(crate) tokens_per_day: Setting<Allowance>,
    pub(crate) requests_per_day: Setting<Allowance>,
    pub(crate) tokens_per_month: Setting<Allowance>,
    pub(crate) requests_per_month: Setting<Allowance>,
    pub(crate) shadow: Setting<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogSettings {
    pub(crate) format: Setting<Format>,
    pub(crate) level: Setting<LogLevel>,
}

/// What is sent to a collector, and where that is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TelemetrySettings {
    pub(crate) service_name: Setting<String>,
    pub(crate) endpoint: Setting<Endpoint>,
    pub(crate) protocol: Setting<Protocol>,
    pub(crate) headers: Setting<Headers>,
    pub(crate) attributes: Setting<ResourceAttributes>,
    pub(crate) disabled: Setting<bool>,
}
