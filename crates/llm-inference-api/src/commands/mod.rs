//! The commands, one a file, and the command line that chooses between them.

mod chat;
mod check_config;
mod generate;
mod greeting;
mod health;
mod infer;
mod keys;
pub(crate) mod loading;
mod models;
mod orgs;
mod sampling;
mod scorer;
mod serve;
mod table;
mod usage;

use std::io;
use std::sync::LazyLock;

use accounts::Store;
use clap::{Args, Parser, Subcommand};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::accounting;

use crate::settings::{
    AccountArguments, Arguments, EngineArguments, FileArguments, GenerationArguments, HttpArguments, LimitArguments,
    LogArguments, Machine, ModelArguments, PredictArguments, Problems, Purpose, RecordArguments, RegistryArguments,
    ScorerArguments, Settings, TelemetryArguments, read,
};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The settings cannot be as they are.
    Settings(Problems),
    /// What `check-config` found.
    Found(Vec<String>),
    Other(anyhow::Error),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Settings(problems)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Serves language models over OpenAI's API, on this machine's processors.
///
/// Without a command it serves: see `llm-inference-api serve --help`.
#[derive(Debug, Parser)]
#[command(
    name = "llm-inference-api",
    version = version(),
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  llm-inference-api                                  serve the embedded demo model on port 8091
  llm-inference-api --model ./Qwen3-0.6B --port 80   serve a directory in Hugging Face's layout
  llm-inference-api chat --model ./model.gguf        talk to a GGUF file in the terminal
  llm-inference-api --config ./serving_config.yaml   take the settings from a file
  llm-inference-api check-config                     show every setting and where it comes from

Flags go before environment variables, those before the settings file (--config), and that before defaults.
Flags name their variable in [brackets]."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve over HTTP until SIGTERM or Ctrl-C.
    #[command(after_help = "Examples:
  llm-inference-api serve
  llm-inference-api serve --model ./model.gguf --host 127.0.0.1 --port 9000
  LLM_MODEL_PATH=/models LLM_ALLOWED_MODELS='*' llm-inference-api serve

At the first signal running answers may end, within --shutdown-grace-ms; at the second it stops at once.")]
    Serve(ServeArguments),
    /// Talk to a model in the terminal.
    #[command(after_help = "Examples:
  llm-inference-api chat
  llm-inference-api chat --model ./model.gguf --system 'Answer in one sentence.' --temperature 0

/reset forgets the conversation, /exit or Ctrl-D ends it, Ctrl-C stops an answer.")]
    Chat(chat::ChatArguments),
    /// Answer one prompt on stdout.
    #[command(after_help = "Examples:
  llm-inference-api generate 'Show all users who registered in the last 30 days'
  llm-inference-api generate --model ./gpt2 --raw --max-tokens 40 'Once upon a time'
  cat question.txt | llm-inference-api generate -")]
    Generate(generate::GenerateArguments),
    /// List the models that are there, and get or remove those of the Hugging Face Hub.
    #[command(after_help = "Examples:
  llm-inference-api models list --model-path /models
  llm-inference-api models --json
  llm-inference-api models pull Qwen/Qwen3-0.6B
  llm-inference-api models pull bartowski/Llama-3.2-1B-Instruct-GGUF:Llama-3.2-1B-Instruct-Q8_0.gguf
  llm-inference-api models rm Qwen/Qwen3-0.6B

HF_HOME says where they are kept, HF_TOKEN opens gated ones, HF_ENDPOINT names a mirror.")]
    Models(models::ModelsArguments),
    /// Show the settings in force and where each comes from.
    #[command(after_help = "Examples:
  llm-inference-api check-config
  llm-inference-api check-config --config ./serving_config.yaml
  LLM_THREADS=2 llm-inference-api check-config --port 9000

It ends with 1 if anything is wrong that can be known without loading a model, and tells all of it.")]
    CheckConfig(check_config::CheckArguments),
    /// Ask the server that runs on this machine whether it is ready.
    #[command(after_help = "Examples:
  llm-inference-api health
  llm-inference-api health --live --port 9000
  docker compose exec gateway llm-inference-api health

It prints what the server says, and ends with 0 if that is yes: a health check for images, which need nothing else for it.")]
    Health(health::HealthArguments),
    /// Make, list, end and renew the keys of clients.
    #[command(
        subcommand,
        after_help = "Examples:
  llm-inference-api keys create --org acme --name ci
  llm-inference-api keys create --org acme --role admin --models demo,acme/large --expires 2027-01-01T00:00:00Z
  llm-inference-api keys list
  llm-inference-api keys rotate 0123456789abcdef --keep-hours 24
  llm-inference-api keys revoke 0123456789abcdef

A key is shown once, when it is made. With the first one the server is closed to everybody else; a running server sees changes
within seconds. LLM_DATABASE_URL and LLM_DATA_DIR say where they are kept, as for the server."
    )]
    Keys(keys::KeysCommand),
    /// List organisations, and set what each may use.
    #[command(
        subcommand,
        after_help = "Examples:
  llm-inference-api orgs list
  llm-inference-api orgs set-limits acme --tokens-per-day 20000000 --requests-per-day none"
    )]
    Orgs(orgs::OrgsCommand),
    /// Show what was used by whom.
    #[command(after_help = "Examples:
  llm-inference-api usage
  llm-inference-api usage --from 2026-11-01 --by org,day
  llm-inference-api usage --org acme --by key,model --json")]
    Usage(usage::UsageArguments),
    /// Say how well each of several models suits each of several prompts.
    #[command(after_help = "Examples:
  llm-inference-api infer --model dense_network/mine --prompts questions.txt
  llm-inference-api infer --model dense_network/mine --models a,b --prompts questions.jsonl --format csv")]
    Infer(infer::InferArguments),
    /// Train, measure and list the scorers that infer asks.
    #[command(subcommand)]
    Scorer(scorer::ScorerCommand),
}

/// Everything that a server can be told.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    scorers: ScorerArguments,
    #[command(flatten)]
    record: RecordArguments,
    #[command(flatten)]
    http: HttpArguments,
    #[command(flatten)]
    generation: GenerationArguments,
    #[command(flatten)]
    predict: PredictArguments,
    #[command(flatten)]
    engine: EngineArguments,
    #[command(flatten)]
    accounts: AccountArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    telemetry: TelemetryArguments,
}

impl From<ServeArguments> for Arguments {
    fn from(arguments: ServeArguments) -> Self {
        let ServeArguments {
            file,
            models,
            registry,
            scorers,
            record,
            http,
            generation,
            predict,
            engine,
            accounts,
            limits,
            log,
            telemetry,
        } = arguments;
        Self { file, models, registry, scorers, record, engine, generation, predict, http, accounts, limits, log, telemetry }
    }
}

pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    outlive_full_files().map_err(anyhow::Error::from)?;
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(arguments) => serve::run(arguments.into()),
        Command::Chat(arguments) => chat::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Models(arguments) => models::run(arguments),
        Command::CheckConfig(arguments) => check_config::run(arguments),
        Command::Health(arguments) => health::run(arguments),
        Command::Keys(command) => keys::run(command),
        Command::Orgs(command) => orgs::run(command),
        Command::Usage(arguments) => usage::run(arguments),
        Command::Infer(arguments) => infer::run(arguments),
        Command::Scorer(command) => scorer::run(command),
    }
}

/// SIGXFSZ
const FILE_SIZE: i32 = 25;

/// A file that may not grow any further (RLIMIT_FSIZE) is an error of whoever writes it, and no end of the program, as it is where nobody
/// has asked for the signal.
fn outlive_full_files() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _here = runtime.enter();
    // Once it was asked for, that is so for good.
    signal(SignalKind::from_raw(FILE_SIZE)).map(drop)
}

/// What is in force, with the log started accordingly.
fn prepare(arguments: Arguments, purpose: Purpose) -> Result<Settings, Failure> {
    let machine = Machine::look();
    let settings = read(arguments, &machine, purpose)?;
    let log = telemetry::logs::LogSettings {
        format: settings.log.format.value,
        level: settings.log.level.value.0,
        ansi: machine.terminal,
    };
    telemetry::logs::start(log).map_err(anyhow::Error::from)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    Ok(settings)
}

/// The database that the settings name, and something to ask it with.
fn database(place: Place) -> Result<(Runtime, Store), Failure> {
    open_database(&place.settings()?)
}

fn open_database(settings: &Settings) -> Result<(Runtime, Store), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    let store = runtime.block_on(accounting::store(&settings.accounts))?;
    Ok((runtime, store))
}

/// Where the accounts are.
#[derive(Debug, Default, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    accounts: AccountArguments,
    #[command(flatten)]
    log: LogArguments,
}

impl Place {
    fn settings(self) -> Result<Settings, Failure> {
        let Self { file, accounts, log } = self;
        prepare(Arguments { file, accounts, log, ..Arguments::default() }, Purpose::Answer)
    }
}

/// `0.1.0 (AVX-512 VNNI)`: the second is what this machine makes of it.
fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{} ({})", env!("CARGO_PKG_VERSION"), kernels::Isa::detect()));
    &VERSION
}
