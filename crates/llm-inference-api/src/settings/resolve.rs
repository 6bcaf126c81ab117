//! Command line before environment before default. Everything is destructured in full: a flag or variable that nothing
//! looks at does not compile.

use std::fmt;
use std::num::NonZeroU32;

use registry::Allowed;
use telemetry::logs::Format;
use thiserror::Error;
use tracing::Level;

use super::arguments::{Arguments, EngineArguments, GenerationArguments, HttpArguments, LogArguments, ModelArguments};
use super::defaults;
use super::environment::{
    EngineVariables, Environment, GenerationVariables, HttpVariables, LogVariables, ModelVariables, Variable,
};
use super::machine::Machine;
use super::parse::{self, Expected, KvCacheType, LogLevel, Origins, Speculation};
use super::types::{
    EngineSettings, GenerationSettings, HttpSettings, LogSettings, ModelSettings, Origin, Setting, Settings,
};

/// What the settings are for: it decides only how much is logged where nobody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server, whose log is its voice.
    Serve,
    /// A command whose answer is what counts; its log tells of trouble only.
    Answer,
}

/// Why one setting cannot be as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Problem {
    #[error("{variable}={value:?}: {expected}")]
    Unreadable { variable: &'static str, value: String, expected: Expected },
    #[error("{variable} is set, but {reason}; unset it to start nevertheless")]
    Unprotected { variable: &'static str, reason: &'static str },
    #[error(
        "{name} is draft, but no model is named to draft; name a smaller one of the same vocabulary with {model_name} or \
         --draft-model, or set {name} to ngram, which needs none"
    )]
    NoDraftModel { name: &'static str, model_name: &'static str },
    #[error("{default_name} is {default}, more than the {limit} of {limit_name}")]
    DefaultOverLimit { default_name: &'static str, default: NonZeroU32, limit_name: &'static str, limit: NonZeroU32 },
}

/// All of them, so that nobody has to find them one start at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}

/// Puts together what is in force.
pub(crate) fn resolve(
    arguments: Arguments,
    environment: Environment,
    machine: &Machine,
    purpose: Purpose,
) -> Result<Settings, Problems> {
    let Arguments { models, engine, generation, http, log } = arguments;
    let Environment {
        models: model_variables,
        engine: engine_variables,
        generation: generation_variables,
        http: http_variables,
        log: log_variables,
        beyond,
    } = environment;
    let mut choice = Choice::default();
    let mut settings = Settings {
        models: resolve_models(&mut choice, models, model_variables),
        engine: resolve_engine(&mut choice, engine, engine_variables, machine),
        generation: resolve_generation(&mut choice, generation, generation_variables),
        http: resolve_http(&mut choice, http, http_variables, machine),
        log: resolve_log(&mut choice, log, log_variables, machine, purpose),
        warnings: beyond.warnings(),
    };
    settings.warnings.extend(unused_draft_model(&settings.engine));
    // Nothing to protect where nothing is served.
    if purpose == Purpose::Serve {
        let unprotected = |(variable, reason)| Problem::Unprotected { variable, reason };
        choice.problems.extend(beyond.protecting.into_iter().map(unprotected));
    }
    if choice.problems.is_empty() { Ok(settings) } else { Err(Problems(choice.problems)) }
}

fn resolve_models(choice: &mut Choice, arguments: ModelArguments, variables: ModelVariables) -> ModelSettings {
    let ModelArguments { model, model_path, allowed_models } = arguments;
    let ModelVariables { model_path: model_path_variable, allowed_models: allowed_models_variable } = variables;
    let origin = if model.is_some() { Origin::CommandLine("--model") } else { Origin::Default };
    ModelSettings {
        named: Setting { value: model, origin, name: "--model" },
        directory: choice.of(
            Sources("--model-path", model_path.map(Some), model_path_variable),
            |text| parse::path(text).map(Some),
            None,
        ),
        allowed: choice.of(
            Sources("--allowed-models", allowed_models, allowed_models_variable),
            parse::allowed,
            Allowed::Unsaid,
        ),
    }
}

fn resolve_engine(
    choice: &mut Choice,
    arguments: EngineArguments,
    variables: EngineVariables,
    machine: &Machine,
) -> EngineSettings {
    let EngineArguments {
        threads,
        kv_cache_bytes,
        kv_cache_type,
        max_concurrent_requests,
        max_queued_requests,
        queue_timeout_ms,
        speculation,
        speculation_tokens,
        draft_model,
    } = arguments;
    let EngineVariables {
        threads: threads_variable,
        kv_cache_bytes: kv_cache_bytes_variable,
        kv_cache_type: kv_cache_type_variable,
        max_concurrent_requests: max_concurrent_requests_variable,
        max_queued_requests: max_queued_requests_variable,
        queue_timeout_ms: queue_timeout_ms_variable,
        speculation: speculation_variable,
        speculation_tokens: speculation_tokens_variable,
        draft_model: draft_model_variable,
    } = variables;
    let draft_model = choice.of(
        Sources("--draft-model", draft_model.map(Some), draft_model_variable),
        |text| parse::path(text).map(Some),
        None,
    );
    // Who names a draft model means it to be used.
    let unsaid = if draft_model.value.is_some() { Speculation::Draft } else { Speculation::Off };
    let speculation = choice.of(Sources("--speculation", speculation, speculation_variable), parse::speculation, unsaid);
    if speculation.value == Speculation::Draft && draft_model.value.is_none() {
        choice.problems.push(Problem::NoDraftModel { name: speculation.name, model_name: draft_model.name });
    }
    EngineSettings {
        threads: choice.of(Sources("--threads", threads, threads_variable), parse::some, machine.physical_cores),
        kv_cache_bytes: choice.of(
            Sources("--kv-cache-bytes", kv_cache_bytes, kv_cache_bytes_variable),
            parse::bytes,
            defaults::kv_cache_bytes(machine.free_memory),
        ),
        kv_cache_type: choice.of(
            Sources("--kv-cache-type", kv_cache_type, kv_cache_type_variable),
            parse::kv_cache_type,
            KvCacheType(None),
        ),
        max_running: choice.of(
            Sources("--max-concurrent-requests", max_concurrent_requests, max_concurrent_requests_variable),
            parse::some,
            defaults::MAX_CONCURRENT_REQUESTS,
        ),
        max_queued: choice.of(
            Sources("--max-queued-requests", max_queued_requests, max_queued_requests_variable),
            parse::any,
            defaults::MAX_QUEUED_REQUESTS,
        ),
        queue_timeout: choice.of(
            Sources("--queue-timeout-ms", queue_timeout_ms, queue_timeout_ms_variable),
            parse::milliseconds,
            defaults::QUEUE_TIMEOUT,
        ),
        speculation,
        speculation_tokens: choice.of(
            Sources("--speculation-tokens", speculation_tokens, speculation_tokens_variable),
            parse::speculation_tokens,
            defaults::SPECULATION_TOKENS,
        ),
        draft_model,
    }
}

fn unused_draft_model(engine: &EngineSettings) -> Option<String> {
    let EngineSettings { speculation, draft_model, .. } = engine;
    let unused = draft_model.value.is_some() && speculation.value != Speculation::Draft;
    unused.then(|| format!("{} is set, but {} says not to use it", draft_model.name, speculation.name))
}

fn resolve_generation(
    choice: &mut Choice,
    arguments: GenerationArguments,
    variables: GenerationVariables,
) -> GenerationSettings {
    let GenerationArguments { default_temperature, default_top_p, default_max_tokens, max_tokens_limit } = arguments;
    let GenerationVariables {
        default_temperature: default_temperature_variable,
        default_top_p: default_top_p_variable,
        default_max_tokens: default_max_tokens_variable,
        max_tokens_limit: max_tokens_limit_variable,
    } = variables;
    let max_tokens_limit = choice.of(
        Sources("--max-tokens-limit", max_tokens_limit, max_tokens_limit_variable),
        parse::tokens,
        defaults::MAX_TOKENS_LIMIT,
    );
    let max_tokens = choice.of(
        Sources("--default-max-tokens", default_max_tokens, default_max_tokens_variable),
        parse::tokens,
        // Somebody who only lowers the limit means the default too.
        defaults::MAX_TOKENS.min(max_tokens_limit.value),
    );
    if max_tokens.value > max_tokens_limit.value {
        choice.problems.push(Problem::DefaultOverLimit {
            default_name: max_tokens.name,
            default: max_tokens.value,
            limit_name: max_tokens_limit.name,
            limit: max_tokens_limit.value,
        });
    }
    GenerationSettings {
        temperature: choice.of(
            Sources("--default-temperature", default_temperature, default_temperature_variable),
            parse::temperature,
            defaults::temperature(),
        ),
        top_p: choice.of(Sources("--default-top-p", default_top_p, default_top_p_variable), parse::top_p, defaults::top_p()),
        max_tokens,
        max_tokens_limit,
    }
}

fn resolve_http(choice: &mut Choice, arguments: HttpArguments, variables: HttpVariables, machine: &Machine) -> HttpSettings {
    let HttpArguments { host, port, cors_allowed_origins, workers, shutdown_grace_ms } = arguments;
    let HttpVariables {
        host: host_variable,
        port: port_variable,
        cors_allowed_origins: cors_allowed_origins_variable,
        workers: workers_variable,
        shutdown_grace_ms: shutdown_grace_ms_variable,
    } = variables;
    HttpSettings {
        host: choice.of(Sources("--host", host, host_variable), parse::hostname, defaults::HOST.to_owned()),
        port: choice.of(Sources("--port", port, port_variable), parse::port, defaults::PORT),
        origins: choice.of(
            Sources("--cors-allowed-origins", cors_allowed_origins, cors_allowed_origins_variable),
            parse::origins,
            Origins::Any,
        ),
        workers: choice.of(Sources("--workers", workers, workers_variable), parse::some, machine.cores),
        shutdown_grace: choice.of(
            Sources("--shutdown-grace-ms", shutdown_grace_ms, shutdown_grace_ms_variable),
            parse::milliseconds,
            defaults::SHUTDOWN_GRACE,
        ),
    }
}

fn resolve_log(
    choice: &mut Choice,
    arguments: LogArguments,
    variables: LogVariables,
    machine: &Machine,
    purpose: Purpose,
) -> LogSettings {
    let LogArguments { log_format, log_level, debug } = arguments;
    let LogVariables { log_format: log_format_variable, log_level: log_level_variable, debug: debug_variable } = variables;
    let for_people = machine.terminal || purpose == Purpose::Answer;
    let format = if for_people { Format::Pretty } else { Format::Json };
    let level = if purpose == Purpose::Answer { Level::WARN } else { Level::INFO };
    // `DEBUG` is a short way to say a level; whoever names one at the same place or before it means that one.
    let debug = choice.of(Sources("--debug", debug.then_some(true), debug_variable), parse::boolean, false);
    let mut level =
        choice.of(Sources("--log-level", log_level, log_level_variable), parse::log_level, LogLevel(Some(level)));
    if debug.value && debug.origin.precedes(level.origin) {
        level = Setting { value: LogLevel(Some(Level::DEBUG)), origin: debug.origin, ..level };
    }
    LogSettings {
        format: choice.of(Sources("--log-format", log_format, log_format_variable), parse::log_format, format),
        level,
    }
}

/// The flag, what was typed after it, and the variable.
struct Sources<T>(&'static str, Option<T>, Variable);

/// Chooses between the sources of one value after the other, and remembers what was wrong with them.
#[derive(Debug, Default)]
struct Choice {
    problems: Vec<Problem>,
}

impl Choice {
    /// A variable is read even if a flag goes before it: a mistake in it would come to light at the worst time.
    fn of<T>(&mut self, sources: Sources<T>, parse: impl Fn(&str) -> Result<T, Expected>, default: T) -> Setting<T> {
        let Sources(flag, argument, Variable { name, set }) = sources;
        let from_environment = set.and_then(|(variable, value)| match parse(&value) {
            Ok(value) => Some((value, Origin::Environment(variable))),
            Err(expected) => {
                self.problems.push(Problem::Unreadable { variable, value, expected });
                None
            }
        });
        let from_command_line = argument.map(|value| (value, Origin::CommandLine(flag)));
        let (value, origin) = from_command_line.or(from_environment).unwrap_or((default, Origin::Default));
        Setting { value, origin, name }
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
