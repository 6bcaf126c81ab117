//! The flags, as they were typed. One group a subject; a command takes the groups that it has a use for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use accounts::Secret;
use api::{TrustedHosts, TrustedProxies};
use backend::{Temperature, TopP};
use clap::Args;
use registry::Allowed;
use telemetry::Protocol;
use telemetry::logs::Format;

use super::otlp::{self, Endpoint, Headers, ResourceAttributes};
use super::parse::{self, Allowance, KvCacheType, LogLevel, Origins, Quantization, Rate, Recording, Speculation};

/// All groups; those that a command does not take are empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments {
    pub(crate) file: FileArguments,
    pub(crate) models: ModelArguments,
    pub(crate) registry: RegistryArguments,
    pub(crate) scorers: ScorerArguments,
    pub(crate) record: RecordArguments,
    pub(crate) engine: EngineArguments,
    pub(crate) generation: GenerationArguments,
    pub(crate) predict: PredictArguments,
    pub(crate) http: HttpArguments,
    pub(crate) accounts: AccountArguments,
    pub(crate) limits: LimitArguments,
    pub(crate) log: LogArguments,
    pub(crate) telemetry: TelemetryArguments,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct FileArguments {
    /// A file of settings, in YAML [LLM_CONFIG; default: serving_config.yaml in the working directory, if it is there].
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Models")]
pub(crate) struct ModelArguments {
    /// A model to use: a GGUF file, a directory in Hugging Face's layout, the id of a model that is already here, or of one that is to
    /// come from the Hugging Face Hub, as org/name, org/name@revision or org/name:file.gguf.
    #[arg(long, value_name = "PATH", value_parser = parse::path)]
    pub(crate) model: Option<PathBuf>,
    /// Where models lie: a directory that holds NAME/, ORG/NAME/ or NAME.gguf [LLM_MODEL_PATH].
    #[arg(long, value_name = "DIRECTORY", value_parser = parse::path)]
    pub(crate) model_path: Option<PathBuf>,
    /// Which of the models found are served: ids with commas between them, or * [LLM_ALLOWED_MODELS; default: the one
    /// that --model names, else the embedded one].
    #[arg(long, value_name = "IDS", value_parser = parse::allowed)]
    pub(crate) allowed_models: Option<Allowed>,
    /// Memory that the served models may take together, their KV caches included, as 6GiB. If they need more, those that nobody has
    /// used for longest are unloaded, and loaded again when they are asked for [LLM_MODEL_MEMORY_BYTES; default: four fifths of what
    /// is free].
    #[arg(long, value_name = "BYTES", value_parser = parse::bytes)]
    pub(crate) model_memory_bytes: Option<NonZeroUsize>,
    /// A directory below which an administrator may name LoRA adapters to load while the server runs [LLM_ADAPTER_ROOT; default: none
    /// can be loaded by path].
    #[arg(long, value_name = "DIRECTORY", value_parser = parse::path)]
    pub(crate) adapter_root: Option<PathBuf>,
    /// Memory that LoRA adapters may take together, beside the models, as 512MiB. If they need more, those that nobody has used for
    /// longest make room [LLM_ADAPTER_MEMORY_BYTES; default: 1 GiB].
    #[arg(long, value_name = "BYTES", value_parser = parse::bytes)]
    pub(crate) adapter_memory_bytes: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Models from elsewhere")]
pub(crate) struct RegistryArguments {
    /// Where models of the Hugging Face Hub are kept, in `hub`, as the Hub's own client does it [HF_HOME; default: huggingface in the
    /// user's cache directory].
    #[arg(long, value_name = "DIRECTORY", value_parser = parse::path)]
    pub(crate) hf_home: Option<PathBuf>,
    /// The Hub, or a mirror of it [HF_ENDPOINT; default: https://huggingface.co].
    #[arg(long, value_name = "URL", value_parser = parse::server)]
    pub(crate) hf_endpoint: Option<String>,
    /// For gated and private models; an environment variable keeps it out of the list of processes [HF_TOKEN; default: what the
    /// Hub's own client has stored].
    #[arg(long, value_name = "TOKEN", value_parser = parse::unread)]
    pub(crate) hf_token: Option<Secret>,
    /// Download nothing from the Hub: what is on this machine has to do [HF_HUB_OFFLINE; default: false].
    #[arg(long)]
    pub(crate) hf_hub_offline: bool,
    /// The MLflow server, as http://localhost:5000 [MLFLOW_TRACKING_URI].
    #[arg(long, value_name = "URL", value_parser = parse::unread)]
    pub(crate) mlflow_tracking_uri: Option<Secret>,
    /// A model registered there to serve, before those of the catalogue [MODEL_NAME].
    #[arg(long, value_name = "NAME", value_parser = parse::model_id)]
    pub(crate) mlflow_model_name: Option<String>,
    /// Which of its versions: the newest of a stage, latest, a number, or @alias [MODEL_STAGE; default: Production].
    #[arg(long, value_name = "STAGE", value_parser = parse::name)]
    pub(crate) mlflow_model_stage: Option<String>,
    /// How often MLflow is asked for a newer version of what is served; 0: only when a model is opened [MLFLOW_REFRESH_SECONDS;
    /// default: 60].
    #[arg(long, value_name = "SECONDS", value_parser = parse::seconds)]
    pub(crate) mlflow_refresh_seconds: Option<Duration>,
    /// Goes before a token if there is a password as well [MLFLOW_TRACKING_USERNAME].
    #[arg(long, value_name = "NAME", value_parser = parse::name)]
    pub(crate) mlflow_username: Option<String>,
    /// Of that user [MLFLOW_TRACKING_PASSWORD].
    #[arg(long, value_name = "PASSWORD", value_parser = parse::unread)]
    pub(crate) mlflow_password: Option<Secret>,
    /// What MLflow knows this server by, without a name and password [MLFLOW_TRACKING_TOKEN].
    #[arg(long, value_name = "TOKEN", value_parser = parse::unread)]
    pub(crate) mlflow_token: Option<Secret>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Scorers")]
pub(crate) struct ScorerArguments {
    /// Where the scorers lie that say which model suits which prompt [LLM_SCORER_PATH; default: scorers in the data directory].
    #[arg(long, value_name = "DIRECTORY", value_parser = parse::path)]
    pub(crate) scorer_path: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Scorers")]
pub(crate) struct RecordArguments {
    /// What is kept of chat and text completions, in the data directory, for POST /v1/feedback and `scorer export`: off; features, which
    /// keeps figures of what was asked and no text; or prompts, which keeps the text [LLM_SCORER_RECORD; default: off].
    #[arg(long, value_name = "WHAT", value_parser = parse::recording)]
    pub(crate) scorer_record: Option<Recording>,
    /// Bytes that this may take, as 64MiB; then the oldest goes [LLM_SCORER_RECORD_BYTES; default: 64 MiB].
    #[arg(long, value_name = "BYTES", value_parser = parse::bytes)]
    pub(crate) scorer_record_bytes: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineArguments {
    /// What weights are encoded in as they are loaded: f16, bf16, q8_0, q6_k, q5_k, q4_k or q4_0, where that takes fewer
    /// bits than they have; the head takes q8_0 at least [LLM_QUANTIZATION; default: stored, which leaves them as they are].
    #[arg(long, value_name = "FORMAT", value_parser = parse::quantization)]
    pub(crate) quantization: Option<Quantization>,
    /// Threads that compute [LLM_THREADS; default: the physical cores].
    #[arg(long, value_name = "NUMBER", value_parser = parse::threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Memory for the KV caches of all models that fit into memory at once, in equal parts, as 512MiB [LLM_KV_CACHE_BYTES; default: a quarter of what is free].
    #[arg(long, value_name = "BYTES", value_parser = parse::bytes)]
    pub(crate) kv_cache_bytes: Option<NonZeroUsize>,
    /// How keys and values are held: auto, f32, f16, bf16, or int8, which takes little more than half of f16 and costs
    /// a little accuracy [LLM_KV_CACHE_TYPE; default: auto, which is f16, or f32 for models in f32].
    #[arg(long, value_name = "TYPE", value_parser = parse::kv_cache_type)]
    pub(crate) kv_cache_type: Option<KvCacheType>,
    /// Sequences that run at once, for each model [LLM_MAX_CONCURRENT_REQUESTS; default: 10].
    #[arg(long, value_name = "NUMBER", value_parser = parse::some)]
    pub(crate) max_concurrent_requests: Option<NonZeroUsize>,
    /// Requests that may wait beside them [LLM_MAX_QUEUED_REQUESTS; default: 64].
    #[arg(long, value_name = "NUMBER", value_parser = parse::any)]
    pub(crate) max_queued_requests: Option<usize>,
    /// How long one may wait [LLM_QUEUE_TIMEOUT_MS; default: 30000].
    #[arg(long, value_name = "MILLISECONDS", value_parser = parse::milliseconds)]
    pub(crate) queue_timeout_ms: Option<Duration>,
    /// Whether several tokens are guessed ahead and verified in one step; answers stay the same. off; ngram: what followed the
    /// same words before is guessed; draft: a smaller model guesses [LLM_SPECULATION; default: draft with a draft model, else
    /// off].
    #[arg(long, value_name = "HOW", value_parser = parse::speculation)]
    pub(crate) speculation: Option<Speculation>,
    /// The most that are guessed at a time, 1 to 15 [LLM_SPECULATION_TOKENS; default: 10].
    #[arg(long, value_name = "TOKENS", value_parser = parse::speculation_tokens)]
    pub(crate) speculation_tokens: Option<NonZeroUsize>,
    /// The model that guesses, as --model names one; its vocabulary has to be the model's own [LLM_DRAFT_MODEL].
    #[arg(long, value_name = "PATH", value_parser = parse::path)]
    pub(crate) draft_model: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Generation")]
pub(crate) struct GenerationArguments {
    /// Where neither the request nor the model says; to servers elsewhere only what was set is said [LLM_DEFAULT_TEMPERATURE; default: 0.7].
    #[arg(long, value_name = "0-2", value_parser = parse::temperature)]
    pub(crate) default_temperature: Option<Temperature>,
    /// Where neither the request nor the model says; to servers elsewhere only what was set is said [LLM_DEFAULT_TOP_P; default: 0.9].
    #[arg(long, value_name = "0-1", value_parser = parse::top_p)]
    pub(crate) default_top_p: Option<TopP>,
    /// Where neither the request nor the model says; to servers elsewhere only what was set is said [LLM_DEFAULT_MAX_TOKENS; default: 512].
    #[arg(long, value_name = "TOKENS", value_parser = parse::tokens)]
    pub(crate) default_max_tokens: Option<NonZeroU32>,
    /// The most that a request may ask for [LLM_MAX_TOKENS_LIMIT; default: 4096].
    #[arg(long, value_name = "TOKENS", value_parser = parse::tokens)]
    pub(crate) max_tokens_limit: Option<NonZeroU32>,
}

#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "/predict")]
pub(crate) struct PredictArguments {
    /// Tokens that are generated where the request does not say, 1 to 2048 [LLM_DEFAULT_MAX_LENGTH; default: 100].
    #[arg(long, value_name = "TOKENS", value_parser = parse::length)]
    pub(crate) default_max_length: Option<NonZeroU32>,
    /// The longest prompt [LLM_MAX_PROMPT_LENGTH; default: 2048].
    #[arg(long, value_name = "TOKENS", value_parser = parse::tokens)]
    pub(crate) max_prompt_length: Option<NonZeroU32>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpArguments {
    /// Where to listen [LLM_INFERENCE_HOSTNAME, API_HOST; default: 0.0.0.0].
    #[arg(long, value_name = "ADDRESS", value_parser = parse::hostname)]
    pub(crate) host: Option<String>,
    /// Where to listen; 0 takes any free port [LLM_INFERENCE_PORT, API_PORT; default: 8091].
    #[arg(long, value_name = "PORT", value_parser = parse::port)]
    pub(crate) port: Option<u16>,
    /// Whose pages may call from a browser: origins with commas between them, or * [CORS_ALLOWED_ORIGINS; default: *].
    #[arg(long, value_name = "ORIGINS", value_parser = parse::origins)]
    pub(crate) cors_allowed_origins: Option<Origins>,
    /// By which names the server may be asked: hosts with commas between them, *.example.org for all below, or *; health and
    /// metrics are asked by address [TRUSTED_HOSTS; default: *].
    #[arg(long, value_name = "HOSTS", value_parser = parse::trusted_hosts)]
    pub(crate) trusted_hosts: Option<TrustedHosts>,
    /// Proxies whose X-Forwarded-For is believed: networks as 10.0.0.0/8 or addresses, with commas between them
    /// [TRUSTED_PROXIES; default: none].
    #[arg(long, value_name = "NETWORKS", value_parser = parse::trusted_proxies)]
    pub(crate) trusted_proxies: Option<TrustedProxies>,
    /// /metrics, which tells what each organisation uses, is for keys of the role admin alone [LLM_METRICS_NEED_KEY].
    #[arg(long)]
    pub(crate) metrics_need_key: bool,
    /// Speak HTTPS [SERVER_SSL_ENABLED].
    #[arg(long)]
    pub(crate) tls: bool,
    /// The certificate with those of the authorities between, in PEM; read again when it changes [TLS_SERVER_CERT_PATH].
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM [TLS_SERVER_KEY_PATH].
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    pub(crate) tls_key: Option<PathBuf>,
    /// The longest body of a request, as 10MiB [LLM_MAX_BODY_BYTES; default: 10MiB].
    #[arg(long, value_name = "BYTES", value_parser = parse::bytes)]
    pub(crate) max_body_bytes: Option<NonZeroUsize>,
    /// Connections at once; further ones wait [LLM_MAX_CONNECTIONS; default: 4096].
    #[arg(long, value_name = "NUMBER", value_parser = parse::some)]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// Threads for the network [API_WORKERS; default: the cores].
    #[arg(long, value_name = "NUMBER", value_parser = parse::threads)]
    pub(crate) workers: Option<NonZeroUsize>,
    /// How long running answers may go on after SIGTERM or Ctrl-C [LLM_SHUTDOWN_GRACE_MS; default: 30000].
    #[arg(long, value_name = "MILLISECONDS", value_parser = parse::milliseconds)]
    pub(crate) shutdown_grace_ms: Option<Duration>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct AccountArguments {
    /// A key that clients have to send, of the role admin; others on this machine can read it in the list of processes [API_KEY].
    #[arg(long, value_name = "KEY", value_parser = parse::unread)]
    pub(crate) api_key: Option<Secret>,
    /// A file with a key a line, or sha256: and its hash, and what it may; it is read again when it changes [LLM_API_KEYS_FILE].
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    pub(crate) api_keys_file: Option<PathBuf>,
    /// Where keys, quotas and usage are kept: sqlite:///path, or postgres://… for several servers
    /// [LLM_DATABASE_URL; default: accounts.db in the data directory].
    #[arg(long, value_name = "URL", value_parser = parse::unread)]
    pub(crate) database_url: Option<Secret>,
    /// Where this server keeps what it has to remember [LLM_DATA_DIR; default: llm-inference-api in the user's data directory].
    #[arg(long, value_name = "DIRECTORY", value_parser = parse::path)]
    pub(crate) data_dir: Option<PathBuf>,
    /// How long what was used by whom is kept [LLM_LEDGER_DAYS; default: 90].
    #[arg(long, value_name = "DAYS", value_parser = parse::days)]
    pub(crate) ledger_days: Option<NonZeroU32>,
    /// Do not serve without a key: a server that finds none, nor the database with them, refuses to start in place of being open to
    /// everybody [LLM_ACCOUNTS_REQUIRED].
    #[arg(long)]
    pub(crate) accounts_required: bool,
}

#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// For each address, or none; as all limits in force once there is a key, or if it is set
    /// [LLM_LIMIT_IP_REQUESTS_PER_SECOND; default: 50].
    #[arg(long, value_name = "NUMBER", value_parser = parse::rate)]
    pub(crate) ip_requests_per_second: Option<Rate>,
    /// How many of them may come at once [LLM_LIMIT_IP_BURST; default: 100].
    #[arg(long, value_name = "NUMBER", value_parser = parse::burst)]
    pub(crate) ip_burst: Option<NonZeroU32>,
    /// For each organisation and day of UTC, or none; prompts and answers [LLM_LIMIT_TOKENS_PER_DAY; default: 10000000].
    #[arg(long, value_name = "TOKENS", value_parser = parse::allowance)]
    pub(crate) tokens_per_day: Option<Allowance>,
    /// For each organisation and day, or none [LLM_LIMIT_REQUESTS_PER_DAY; default: 100000].
    #[arg(long, value_name = "NUMBER", value_parser = parse::allowance)]
    pub(crate) requests_per_day: Option<Allowance>,
    /// For each organisation and month, or none [LLM_LIMIT_TOKENS_PER_MONTH; default: 300000000].
    #[arg(long, value_name = "TOKENS", value_parser = parse::allowance)]
    pub(crate) tokens_per_month: Option<Allowance>,
    /// For each organisation and month, or none [LLM_LIMIT_REQUESTS_PER_MONTH; default: none].
    #[arg(long, value_name = "NUMBER", value_parser = parse::allowance)]
    pub(crate) requests_per_month: Option<Allowance>,
    /// Quotas refuse nobody; the log says whom they would have refused [LLM_LIMITS_SHADOW].
    #[arg(long)]
    pub(crate) limits_shadow: bool,
}

#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArguments {
    /// json or pretty [LOG_FORMAT; default: pretty in a terminal, else json].
    #[arg(long, value_name = "FORMAT", value_parser = parse::log_format)]
    pub(crate) log_format: Option<Format>,
    /// off, error, warn, info, debug or trace [LOG_LEVEL; default: info].
    #[arg(long, value_name = "LEVEL", value_parser = parse::log_level)]
    pub(crate) log_level: Option<LogLevel>,
    /// The same as --log-level debug [DEBUG].
    #[arg(long)]
    pub(crate) debug: bool,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Traces and metrics")]
pub(crate) struct TelemetryArguments {
    /// What a collector knows this service as [SERVICE_NAME, OTEL_SERVICE_NAME; default: llm-inference-api].
    #[arg(long, value_name = "NAME", value_parser = parse::name)]
    pub(crate) service_name: Option<String>,
    /// The OpenTelemetry collector, or none [OTEL_EXPORTER_OTLP_ENDPOINT; default: http://localhost:4317].
    #[arg(long, value_name = "URL", value_parser = otlp::endpoint)]
    pub(crate) otlp_endpoint: Option<Endpoint>,
    /// grpc, or http/protobuf, for which the endpoint's default is http://localhost:4318 [OTEL_EXPORTER_OTLP_PROTOCOL; default: grpc].
    #[arg(long, value_name = "PROTOCOL", value_parser = otlp::protocol)]
    pub(crate) otlp_protocol: Option<Protocol>,
    /// Headers for the collector: name=value, with commas between them [OTEL_EXPORTER_OTLP_HEADERS].
    #[arg(long, value_name = "HEADERS", value_parser = otlp::headers)]
    pub(crate) otlp_headers: Option<Headers>,
    /// What else a collector should know of this process: name=value, with commas between them [OTEL_RESOURCE_ATTRIBUTES].
    #[arg(long, value_name = "ATTRIBUTES", value_parser = otlp::resource_attributes)]
    pub(crate) resource_attributes: Option<ResourceAttributes>,
    /// Send nothing [OTEL_SDK_DISABLED].
    #[arg(long)]
    pub(crate) otlp_disabled: bool,
}
