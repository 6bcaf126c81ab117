//! What every handler shares.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use backend::{Hops, MaxTokens, Temperature, TopP};
use jiff::Timestamp;
use openai::Header;
use serving::{Asker, Service};
use telemetry::Traces;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

use crate::client_address::TrustedProxies;
use crate::extract::Room;
use crate::hosts::TrustedHosts;
use crate::routes::LatestDocument;
use crate::tls::Tls;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) service: Service,
    pub(crate) settings: Arc<Settings>,
    pub(crate) document: Arc<LatestDocument>,
    /// Places for large bodies that are being read.
    pub(crate) large_bodies: Arc<Semaphore>,
    pub(crate) body_room: Room,
    started: Instant,
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of a request's body.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Bytes that all bodies may take together until they are read, the small ones not counted; four times the limit of one at least.
    pub body_room: usize,
    /// How often a silent stream says that it is still there.
    pub ping_every: Duration,
    /// `CORS_ALLOWED_ORIGINS`
    pub origins: Origins,
    /// `TRUSTED_HOSTS`
    pub trusted_hosts: TrustedHosts,
    /// `TRUSTED_PROXIES`
    pub trusted_proxies: TrustedProxies,
    /// `/metrics` is for admins alone, where keys are kept.
    pub metrics_need_key: bool,
    /// How long a client may take to send a request's head, with the handshake of TLS before it, and how long a connection
    /// may idle.
    pub head_timeout: Duration,
    /// How long a client may take no byte of an answer that is being sent.
    pub write_timeout: Duration,
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// How often the files of the certificate are looked at. What is new in them is used after the second look.
    pub tls_reload_every: Duration,
    /// How long streams may run on once the server was told to stop.
    pub grace: Duration,
    /// Where the spans of requests go.
    pub traces: Traces,
    /// The version in answers about the server.
    pub version: &'static str,
    pub predict: PredictSettings,
    /// `LLM_ADAPTER_ROOT`: below it adapters may be loaded.
    pub adapter_root: Option<PathBuf>,
    /// What time it is: an argument, so that a test can say.
    pub clock: fn() -> SystemTime,
}

/// What `/predict` takes, and what it takes for a value that is left out. Its defaults go before a model's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictSettings {
    pub temperature: Option<Temperature>,
    pub top_p: Option<TopP>,
    /// Tokens that are generated.
    pub max_length: MaxTokens,
    /// The most that may be asked for.
    pub most_length: MaxTokens,
    /// By the model's tokenizer.
    pub most_prompt_tokens: NonZeroU32,
}

impl Default for PredictSettings {
    fn default() -> Self {
        Self {
            temperature: Temperature::new(0.7).ok(),
            top_p: TopP::new(0.95).ok(),
            max_length: MaxTokens::MIN.saturating_add(99),
            most_length: MaxTokens::MIN.saturating_add(2047),
            most_prompt_tokens: NonZeroU32::MIN.saturating_add(2047),
        }
    }
}

/// Whose pages may ask from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    Any,
    These(Vec<HeaderValue>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit: 10 * 1024 * 1024,
            body_timeout: Duration::from_mins(1),
            body_room: 256 * 1024 * 1024,
            ping_every: Duration::from_secs(15),
            origins: Origins::Any,
            trusted_hosts: TrustedHosts::default(),
            trusted_proxies: TrustedProxies::default(),
            metrics_need_key: false,
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
            max_connections: 4096,
            tls: None,
            tls_reload_every: Duration::from_secs(5),
            grace: Duration::from_secs(30),
            traces: Traces::default(),
            version: env!("CARGO_PKG_VERSION"),
            predict: PredictSettings::default(),
            adapter_root: None,
            clock: SystemTime::now,
        }
    }
}

/// Large bodies that are read at once: one of 10 MB may become some hundred while it is read.
const LARGE_BODIES: usize = 2;

impl App {
    /// The server's life begins now.
    pub fn new(service: Service, settings: Settings) -> Self {
        Self {
            service,
            // Some of the longest fit in any case.
            body_room: Room::of(settings.body_room.max(settings.body_limit.saturating_mul(4))),
            settings: Arc::new(settings),
            document: Arc::default(),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)),
            started: Instant::now(),
        }
    }

    /// The same, of which everything is asked for them, and has come this way.
    pub(crate) fn on_behalf_of(&self, asker: Option<Asker>, hops: Hops) -> Self {
        Self { service: self.service.on_behalf_of(asker).along(hops), ..self.clone() }
    }

    /// The same, by which this name is asked.
    pub(crate) fn through(&self, name: &str) -> Self {
        Self { service: self.service.through(name), ..self.clone() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::try_from((self.settings.clock)()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The head of an answer: `prefix` is OpenAI's for the kind of answer.
    pub(crate) fn header(&self, prefix: &str, model: &str) -> Header {
        Header {
            id: format!("{prefix}-{}", Uuid::new_v4().simple()),
            created: self.now().as_second().max(0).cast_unsigned(),
            model: model.to_owned(),
            // Another build may sum in another order, and so draw other tokens from the same seed.
            system_fingerprint: format!("fp_{}", self.settings.version.replace('.', "_")),
        }
    }
}
