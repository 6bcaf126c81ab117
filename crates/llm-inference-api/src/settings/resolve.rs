//! Command line before environment before file before default. Everything is destructured in full: a flag, variable or key
//! that nothing looks at does not compile.

use std::path::{Path, PathBuf};

use accounts::{AddressLimit, OrganizationLimits};
use api::{TrustedHosts, TrustedProxies};
use registry::Allowed;
use telemetry::Protocol;
use telemetry::logs::Format;
use tracing::Level;

use super::arguments::{
    AccountArguments, Arguments, EngineArguments, FileArguments, GenerationArguments, HttpArguments, LimitArguments,
    LogArguments, ModelArguments, PredictArguments, RecordArguments, ScorerArguments, TelemetryArguments,
};
use super::choice::{Choice, Said};
use super::defaults;
use super::environment::Environment;
use super::file::File;
use super::machine::Machine;
use super::names::{
    AccountValues, EngineValues, GenerationValues, HttpValues, LimitValues, LogValues, ModelValues, PredictValues,
    ScorerValues, TelemetryValues, Values,
};
use super::otlp::{self, Headers, ResourceAttributes};
use super::parse::{self, Allowance, KvCacheType, LogLevel, Origins, Quantization, Rate, Recording, Speculation};
use super::placement::Placement;
use super::problem::{Problem, Problems};
use super::resolve_registry::{declare_registered, no_tracking_uri, resolve_registry};
use super::types::{
    AccountSettings, DeclaredModel, EngineSettings, GenerationSettings, HttpSettings, LimitSettings, LogSettings,
    ModelSettings, Origin, PredictSettings, ScorerSettings, Setting, Settings, TelemetrySettings,
};

/// What the settings are for: it decides how much is logged where nobody said, and what has to be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server, whose log is its voice.
    Serve,
    /// A command whose answer is what counts; its log tells of trouble only.
    Answer,
}

/// Puts together what is in force.
pub(crate) fn resolve(
    arguments: Arguments,
    environment: Environment,
    file: File,
    machine: &Machine,
    purpose: Purpose,
) -> Result<Settings, Problems> {
    // The file has been read from where its argument says.
    let Arguments {
        file: FileArguments { config: _ },
        models,
        registry,
        scorers,
        record,
        engine,
        generation,
        predict,
        http,
        accounts,
        limits,
        log,
        telemetry,
    } = arguments;
    let Environment { values: variables, beyond, data_home, cache_home } = environment;
    let File { path, values: entries, declared, routes, organizations, listed, problems } = file;
    let said = variables.beside(entries);
    let Values {
        models: models_said,
        registry: registry_said,
        scorers: scorers_said,
        engine: engine_said,
        generation: generation_said,
        predict: predict_said,
        http: http_said,
        accounts: accounts_said,
        limits: limits_said,
        log: log_said,
        telemetry: telemetry_said,
    } = said;
    let mut choice = Choice { problems: problems.into_iter().map(Problem::from).collect() };
    let registry = resolve_registry(&mut choice, registry, registry_said, &cache_home);
    let declared = declare_registered(&mut choice, &registry, declared);
    choice.problems.extend(no_tracking_uri(&registry, &declared));
    let accounts = resolve_accounts(&mut choice, accounts, accounts_said, &data_home);
    let mut settings = Settings {
        file: path,
        generation: resolve_generation(&mut choice, generation, generation_said, &declared),
        models: ModelSettings { routes, ..resolve_models(&mut choice, models, models_said, declared, machine) },
        registry,
        scorers: resolve_scorers(&mut choice, (scorers, record), scorers_said, &accounts.data_directory.value),
        engine: resolve_engine(&mut choice, engine, engine_said, machine),
        predict: resolve_predict(&mut choice, predict, predict_said),
        http: resolve_http(&mut choice, http, http_said, machine),
        accounts: AccountSettings { organizations, listed, ..accounts },
        limits: resolve_limits(&mut choice, limits, limits_said),
        log: resolve_log(&mut choice, log, log_said, machine, purpose),
        telemetry: resolve_telemetry(&mut choice, telemetry, telemetry_said),
        warnings: beyond.warnings(),
    };
    settings.warnings.extend(unused_draft_model(&settings.engine));
    settings.warnings.extend(too_many_threads(&settings.engine, machine));
    settings.warnings.extend(limited_models(&settings));
    settings.warnings.extend(broken_headers(&settings.telemetry));
    if purpose == Purpose::Serve {
        choice.problems.extend(missing_tls_files(&settings.http));
        settings.warnings.extend(unused_tls_file(&settings.http));
    }
    choice.problems.sort_by_key(Problem::line);
    if choice.problems.is_empty() { Ok(settings) } else { Err(Problems(choice.problems)) }
}

fn resolve_models(
    choice: &mut Choice,
    arguments: ModelArguments,
    said: ModelValues<Said>,
    declared: Vec<DeclaredModel>,
    machine: &Machine,
) -> ModelSettings {
    let ModelArguments { model, model_path, allowed_models, model_memory_bytes, adapter_root: root, adapter_memory_bytes } =
        arguments;
    let ModelValues { named, directory, allowed, memory, adapter_root, adapter_memory } = said;
    ModelSettings {
        named: choice.of(model.map(Some), named, some_path, None),
        directory: choice.of(model_path.map(Some), directory, some_path, None),
        allowed: choice.of(allowed_models, allowed, parse::allowed, Allowed::Unsaid),
        declared,
        routes: Vec::new(), // Those of the file, which has no other place for them.
        memory: choice.of(
            model_memory_bytes.map(Some),
            memory,
            |text| parse::bytes(text).map(Some),
            defaults::model_memory(machine.free_memory),
        ),
        adapter_root: choice.of(root.map(Some), adapter_root, some_path, None),
        adapter_memory: choice.of(adapter_memory_bytes, adapter_memory, parse::bytes, defaults::ADAPTER_MEMORY),
    }
}

fn resolve_scorers(
    choice: &mut Choice,
    (arguments, record_arguments): (ScorerArguments, RecordArguments),
    said: ScorerValues<Said>,
    data_directory: &Path,
) -> ScorerSettings {
    let ScorerArguments { scorer_path } = arguments;
    let RecordArguments { scorer_record, scorer_record_bytes } = record_arguments;
    let ScorerValues { directory, record, record_bytes } = said;
    ScorerSettings {
        directory: choice.of(scorer_path, directory, parse::path, data_directory.join("scorers")),
        record: choice.of(scorer_record, record, parse::recording, Recording::Off),
        record_bytes: choice.of(scorer_record_bytes, record_bytes, parse::bytes, defaults::RECORD_BYTES),
    }
}

fn some_path(text: &str) -> Result<Option<PathBuf>, parse::Expected> {
    parse::path(text).map(Some)
}

fn resolve_engine(
    choice: &mut Choice,
    arguments: EngineArguments,
    said: EngineValues<Said>,
    machine: &Machine,
) -> EngineSettings {
    let EngineArguments {
        quantization,
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
    let EngineValues {
        quantization: quantization_said,
        threads: threads_said,
        kv_cache_bytes: kv_cache_bytes_said,
        kv_cache_type: kv_cache_type_said,
        max_running: max_running_said,
        max_queued: max_queued_said,
        queue_timeout: queue_timeout_said,
        speculation: speculation_said,
        speculation_tokens: speculation_tokens_said,
        draft_model: draft_model_said,
    } = said;
    let draft_model = choice.of(draft_model.map(Some), draft_model_said, some_path, None);
    // Who names a draft model means it to be used.
    let unsaid = if draft_model.value.is_some() { Speculation::Draft } else { Speculation::Off };
    let speculation = choice.of(speculation, speculation_said, parse::speculation, unsaid);
    if speculation.value == Speculation::Draft && draft_model.value.is_none() {
        choice.problems.push(Problem::NoDraftModel { name: speculation.said(), model_name: draft_model.names.name() });
    }
    let free_memory = machine.free_memory;
    EngineSettings {
        quantization: choice.of(quantization, quantization_said, parse::quantization, Quantization(None)),
        threads: choice.of(threads, threads_said, parse::threads, machine.physical_cores),
        kv_cache_bytes: choice.of(kv_cache_bytes, kv_cache_bytes_said, parse::bytes, defaults::kv_cache_bytes(free_memory)),
        kv_cache_type: choice.of(kv_cache_type, kv_cache_type_said, parse::kv_cache_type, KvCacheType(None)),
        max_running: choice.of(max_concurrent_requests, max_running_said, parse::some, defaults::MAX_CONCURRENT_REQUESTS),
        max_queued: choice.of(max_queued_requests, max_queued_said, parse::any, defaults::MAX_QUEUED_REQUESTS),
        queue_timeout: choice.of(queue_timeout_ms, queue_timeout_said, parse::milliseconds, defaults::QUEUE_TIMEOUT),
        speculation,
        speculation_tokens: choice.of(
            speculation_tokens,
            speculation_tokens_said,
            parse::speculation_tokens,
            defaults::SPECULATION_TOKENS,
        ),
        draft_model,
        placement: Placement::default(), // Each model has its own.
        own_quantization: None,
    }
}

fn unused_draft_model(engine: &EngineSettings) -> Option<String> {
    let EngineSettings { speculation, draft_model, .. } = engine;
    let unused = draft_model.value.is_some() && speculation.value != Speculation::Draft;
    unused.then(|| format!("{} is set, but {} says not to use it", draft_model.said(), speculation.said()))
}

/// They would wait for each other at every step.
fn too_many_threads(engine: &EngineSettings, machine: &Machine) -> Option<String> {
    let (threads, cores) = (&engine.threads, machine.cores);
    let too_many = threads.value > cores;
    too_many.then(|| {
        format!("{} is {}, and this process has {cores} processors: more threads are slower", threads.said(), threads.value)
    })
}

/// Models that may not be asked for as many tokens as they say.
fn limited_models(settings: &Settings) -> Vec<String> {
    let limit = &settings.generation.max_tokens_limit;
    let limited = settings.models.declared.iter().filter_map(|model| {
        let own = model.max_tokens.filter(|own| *own > limit.value)?;
        let DeclaredModel { id, place, .. } = model;
        Some(format!("{place}: {id} says max_tokens {own}, but {} allows {} to no request", limit.said(), limit.value))
    });
    limited.collect()
}

fn resolve_generation(
    choice: &mut Choice,
    arguments: GenerationArguments,
    said: GenerationValues<Said>,
    declared: &[DeclaredModel],
) -> GenerationSettings {
    let GenerationArguments { default_temperature, default_top_p, default_max_tokens, max_tokens_limit } = arguments;
    let GenerationValues { temperature, top_p, max_tokens, max_tokens_limit: max_tokens_limit_said } = said;
    // A model's own maximum is said, and the default is not: it holds for the models that say nothing.
    let largest = declared.iter().filter_map(|model| model.max_tokens).max();
    let unsaid = largest.map_or(defaults::MAX_TOKENS_LIMIT, |largest| largest.max(defaults::MAX_TOKENS_LIMIT));
    let max_tokens_limit = choice.of(max_tokens_limit, max_tokens_limit_said, parse::tokens, unsaid);
    let raised = max_tokens_limit.origin == Origin::Default && unsaid > defaults::MAX_TOKENS_LIMIT;
    // Somebody who only lowers the limit means the default too.
    let unsaid = defaults::MAX_TOKENS.min(max_tokens_limit.value);
    let max_tokens = choice.of(default_max_tokens, max_tokens, parse::tokens, unsaid);
    if max_tokens.value > max_tokens_limit.value {
        choice.problems.push(Problem::DefaultOverLimit {
            default_name: max_tokens.said(),
            default: max_tokens.value,
            limit_name: max_tokens_limit.said(),
            limit: max_tokens_limit.value,
        });
    }
    GenerationSettings {
        temperature: choice.of(default_temperature, temperature, parse::temperature, defaults::temperature()),
        top_p: choice.of(default_top_p, top_p, parse::top_p, defaults::top_p()),
        max_tokens,
        max_tokens_limit,
        max_tokens_unsaid: raised.then_some(defaults::MAX_TOKENS_LIMIT),
    }
}

fn resolve_predict(choice: &mut Choice, arguments: PredictArguments, said: PredictValues<Said>) -> PredictSettings {
    let PredictArguments { default_max_length, max_prompt_length } = arguments;
    let PredictValues { max_length, prompt_tokens } = said;
    let api::PredictSettings { max_length: usual, most_prompt_tokens, .. } = api::PredictSettings::default();
    PredictSettings {
        max_length: choice.of(default_max_length, max_length, parse::length, usual),
        prompt_tokens: choice.of(max_prompt_length, prompt_tokens, parse::tokens, most_prompt_tokens),
    }
}

fn resolve_http(choice: &mut Choice, arguments: HttpArguments, said: HttpValues<Said>, machine: &Machine) -> HttpSettings {
    let HttpArguments {
        host,
        port,
        cors_allowed_origins,
        trusted_hosts,
        trusted_proxies,
        metrics_need_key,
        tls,
        tls_certificate,
        tls_key,
        max_body_bytes,
        max_connections,
        workers,
        shutdown_grace_ms,
    } = arguments;
    let HttpValues {
        host: host_said,
        port: port_said,
        origins,
        trusted_hosts: trusted_hosts_said,
        trusted_proxies: trusted_proxies_said,
        metrics_need_key: metrics_need_key_said,
        tls: tls_said,
        tls_certificate: tls_certificate_said,
        tls_key: tls_key_said,
        body_limit,
        max_connections: max_connections_said,
        workers: workers_said,
        shutdown_grace,
    } = said;
    HttpSettings {
        host: choice.of(host, host_said, parse::hostname, defaults::HOST.to_owned()),
        port: choice.of(port, port_said, parse::port, defaults::PORT),
        origins: choice.of(cors_allowed_origins, origins, parse::origins, Origins::Any),
        trusted_hosts: choice.of(trusted_hosts, trusted_hosts_said, parse::trusted_hosts, TrustedHosts::Any),
        trusted_proxies: {
            let nobody = TrustedProxies::default();
            choice.of(trusted_proxies, trusted_proxies_said, parse::trusted_proxies, nobody)
        },
        metrics_need_key: { choice.of(metrics_need_key.then_some(true), metrics_need_key_said, parse::boolean, false) },
        tls: choice.of(tls.then_some(true), tls_said, parse::boolean, false),
        tls_certificate: choice.of(tls_certificate.map(Some), tls_certificate_said, some_path, None),
        tls_key: choice.of(tls_key.map(Some), tls_key_said, some_path, None),
        body_limit: choice.of(max_body_bytes, body_limit, parse::bytes, defaults::BODY_LIMIT),
        max_connections: choice.of(max_connections, max_connections_said, parse::some, defaults::MAX_CONNECTIONS),
        workers: choice.of(workers, workers_said, parse::threads, machine.cores),
        shutdown_grace: choice.of(shutdown_grace_ms, shutdown_grace, parse::milliseconds, defaults::SHUTDOWN_GRACE),
    }
}

fn missing_tls_files(http: &HttpSettings) -> Vec<Problem> {
    let HttpSettings { tls, tls_certificate, tls_key, .. } = http;
    let missing = [tls_certificate, tls_key].into_iter().filter(|file| tls.value && file.value.is_none());
    let problem =
        |file: &Setting<_>| Problem::NoTlsFile { name: tls.said(), variable: file.names.name(), flag: file.names.flag };
    missing.map(problem).collect()
}

/// Whoever names a certificate and gets plain HTTP should know.
fn unused_tls_file(http: &HttpSettings) -> Option<String> {
    let HttpSettings { tls, tls_certificate, .. } = http;
    let unused = tls_certificate.value.is_some() && !tls.value;
    unused.then(|| {
        let (file, tls) = (tls_certificate.said(), tls.names.name());
        format!("{file} is set, but the server speaks plain HTTP as long as {tls} is not true")
    })
}

fn resolve_accounts(
    choice: &mut Choice,
    arguments: AccountArguments,
    said: AccountValues<Said>,
    data_home: &Path,
) -> AccountSettings {
    let AccountArguments { api_key, api_keys_file, database_url, data_dir, ledger_days, accounts_required } = arguments;
    let AccountValues {
        api_key: api_key_said,
        keys_file,
        database_url: database_url_said,
        data_directory,
        ledger,
        required,
    } = said;
    AccountSettings {
        api_key: choice.secret(api_key, api_key_said, parse::secret),
        keys_file: choice.of(api_keys_file.map(Some), keys_file, some_path, None),
        database_url: choice.secret(database_url, database_url_said, parse::database_url),
        data_directory: choice.of(data_dir, data_directory, parse::path, data_home.join("llm-inference-api")),
        ledger_days: choice.of(ledger_days, ledger, parse::days, defaults::LEDGER_DAYS),
        required: choice.of(accounts_required.then_some(true), required, parse::boolean, false),
        organizations: Vec::new(),
        listed: Vec::new(),
    }
}

fn resolve_limits(choice: &mut Choice, arguments: LimitArguments, said: LimitValues<Said>) -> LimitSettings {
    let LimitArguments {
        ip_requests_per_second,
        ip_burst,
        tokens_per_day,
        requests_per_day,
        tokens_per_month,
        requests_per_month,
        limits_shadow,
    } = arguments;
    let standard = OrganizationLimits::STANDARD;
    let AddressLimit { requests_per_second, burst } = AddressLimit::STANDARD;
    let mut allowance = |typed, said, limit| choice.of(typed, said, parse::allowance, Allowance(limit));
    let tokens_per_day = allowance(tokens_per_day, said.tokens_per_day, standard.tokens_per_day);
    let requests_per_day = allowance(requests_per_day, said.requests_per_day, standard.requests_per_day);
    let tokens_per_month = allowance(tokens_per_month, said.tokens_per_month, standard.tokens_per_month);
    let requests_per_month = allowance(requests_per_month, said.requests_per_month, standard.requests_per_month);
    LimitSettings {
        ip_requests_per_second: choice.of(
            ip_requests_per_second,
            said.ip_requests_per_second,
            parse::rate,
            Rate(Some(requests_per_second)),
        ),
        ip_burst: choice.of(ip_burst, said.ip_burst, parse::burst, burst),
        tokens_per_day,
        requests_per_day,
        tokens_per_month,
        requests_per_month,
        shadow: choice.of(limits_shadow.then_some(true), said.shadow, parse::boolean, false),
    }
}

fn resolve_log(
    choice: &mut Choice,
    arguments: LogArguments,
    said: LogValues<Said>,
    machine: &Machine,
    purpose: Purpose,
) -> LogSettings {
    let LogArguments { log_format, log_level, debug } = arguments;
    let LogValues { format: format_said, level: level_said, debug: debug_said } = said;
    let for_people = machine.terminal || purpose == Purpose::Answer;
    let format = if for_people { Format::Pretty } else { Format::Json };
    let level = if purpose == Purpose::Answer { Level::WARN } else { Level::INFO };
    // `DEBUG` is a short way to say a level; whoever names one at the same place or before it means that one.
    let debug = choice.of(debug.then_some(true), debug_said, parse::boolean, false);
    let mut level = choice.of(log_level, level_said, parse::log_level, LogLevel(Some(level)));
    if debug.value && debug.origin.precedes(&level.origin) {
        level = Setting { value: LogLevel(Some(Level::DEBUG)), origin: debug.origin, ..level };
    }
    LogSettings { format: choice.of(log_format, format_said, parse::log_format, format), level }
}

fn resolve_telemetry(choice: &mut Choice, arguments: TelemetryArguments, said: TelemetryValues<Said>) -> TelemetrySettings {
    let TelemetryArguments { service_name, otlp_endpoint, otlp_protocol, otlp_headers, resource_attributes, otlp_disabled } =
        arguments;
    let TelemetryValues { service_name: service_name_said, endpoint, protocol, headers, attributes, disabled } = said;
    let protocol = choice.of(otlp_protocol, protocol, otlp::protocol, Protocol::Grpc);
    let unsaid = defaults::otlp_endpoint(protocol.value);
    TelemetrySettings {
        service_name: choice.of(service_name, service_name_said, parse::name, defaults::SERVICE_NAME.to_owned()),
        endpoint: choice.of(otlp_endpoint, endpoint, otlp::endpoint, unsaid),
        protocol,
        headers: choice.of(otlp_headers, headers, otlp::headers, Headers::default()),
        attributes: choice.of(resource_attributes, attributes, otlp::resource_attributes, ResourceAttributes::default()),
        disabled: choice.of(otlp_disabled.then_some(true), disabled, parse::boolean, false),
    }
}

fn broken_headers(telemetry: &TelemetrySettings) -> Option<String> {
    let headers = &telemetry.headers;
    let broken = headers.value.broken;
    (broken > 0).then(|| format!("{broken} of the headers in {} are not name=value and are left out", headers.said()))
}

#[cfg(test)]
mod tests;
