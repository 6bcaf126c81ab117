//! The settings in force, for people.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use accounts::Secret;
use registry::Allowed;
use telemetry::Protocol;
use telemetry::logs::Format;

use super::parse::{LogLevel, Origins, Recording, Speculation};
use super::types::{
    AccountSettings, EngineSettings, GenerationSettings, HttpSettings, LimitSettings, LogSettings, ModelSettings,
    PredictSettings, RegistrySettings, ScorerSettings, Setting, Settings, TelemetrySettings,
};

/// A table of name, value and origin. Of a secret it only says that there is one.
pub(crate) fn show(settings: &Settings) -> String {
    let rows = rows(settings);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, values) = (width(0), width(1));
    let mut table = String::new();
    for [name, value, origin] in &rows {
        let _ = writeln!(table, "{name:names$}  {value:values$}  {origin}");
    }
    table
}

type Row = [String; 3];

fn rows(settings: &Settings) -> Vec<Row> {
    let Settings {
        file,
        models,
        registry,
        scorers,
        engine,
        generation,
        predict,
        http,
        accounts,
        limits,
        log,
        telemetry,
        warnings: _,
    } = settings;
    let ModelSettings { named, directory, allowed, declared, routes: _, memory, adapter_root, adapter_memory } = models;
    let EngineSettings {
        quantization,
        threads,
        kv_cache_bytes,
        kv_cache_type,
        max_running,
        max_queued,
        queue_timeout,
        speculation,
        speculation_tokens,
        draft_model,
        placement: _,        // Of no model in particular there is none.
        own_quantization: _, // Nor this.
    } = engine;
    let HttpSettings {
        host,
        port,
        origins,
        trusted_hosts,
        trusted_proxies,
        metrics_need_key,
        tls,
        tls_certificate,
        tls_key,
        body_limit,
        max_connections,
        workers,
        shutdown_grace,
    } = http;
    let mut rows = vec![
        row(file, |file| path(file.as_deref())),
        row(named, |named| path(named.as_deref())),
        row(directory, |directory| path(directory.as_deref())),
        row(allowed, |allowed| match allowed {
            Allowed::Unsaid if named.value.is_some() => "the one of --model".to_owned(),
            Allowed::Unsaid if !declared.is_empty() => "the declared models".to_owned(),
            Allowed::Unsaid => "the embedded model".to_owned(),
            Allowed::All => "*".to_owned(),
            Allowed::Ids(ids) => ids.join(", "),
        }),
        row(memory, |memory| memory.map_or("no limit".to_owned(), bytes)),
        row(adapter_root, |root| path(root.as_deref())),
        row(adapter_memory, |memory| bytes(*memory)),
        row(host, String::clone),
        row(port, u16::to_string),
        row(origins, |origins| match origins {
            Origins::Any => "*".to_owned(),
            Origins::These(origins) => origins.join(", "),
        }),
        row(trusted_hosts, ToString::to_string),
        row(trusted_proxies, ToString::to_string),
        row(metrics_need_key, bool::to_string),
        row(tls, bool::to_string),
        row(tls_certificate, |certificate| path(certificate.as_deref())),
        row(tls_key, |key| path(key.as_deref())),
        row(body_limit, |limit| bytes(*limit)),
        row(max_connections, ToString::to_string),
        row(workers, ToString::to_string),
        row(shutdown_grace, milliseconds),
    ];
    rows.extend(generation_rows(generation, predict));
    rows.extend([
        row(max_running, ToString::to_string),
        row(max_queued, ToString::to_string),
        row(queue_timeout, milliseconds),
        row(quantization, |quantization| quantization.name().to_owned()),
        row(kv_cache_bytes, |kv_cache| bytes(*kv_cache)),
        row(kv_cache_type, |kind| kind.name().to_owned()),
        row(threads, ToString::to_string),
        row(speculation, |speculation| match speculation {
            Speculation::Off => "off".to_owned(),
            Speculation::Ngram => "ngram".to_owned(),
            Speculation::Draft => "draft".to_owned(),
        }),
        row(speculation_tokens, ToString::to_string),
        row(draft_model, |model| path(model.as_deref())),
    ]);
    rows.extend(registry_rows(registry));
    rows.extend(scorer_rows(scorers));
    rows.extend(account_rows(accounts, limits));
    rows.extend(log_rows(log, telemetry));
    rows
}

fn generation_rows(generation: &GenerationSettings, predict: &PredictSettings) -> [Row; 6] {
    let GenerationSettings { temperature, top_p, max_tokens, max_tokens_limit, max_tokens_unsaid: _ } = generation;
    let PredictSettings { max_length, prompt_tokens } = predict;
    [
        row(temperature, |temperature| temperature.get().to_string()),
        row(top_p, |top_p| top_p.get().to_string()),
        row(max_tokens, ToString::to_string),
        row(max_tokens_limit, ToString::to_string),
        row(max_length, ToString::to_string),
        row(prompt_tokens, ToString::to_string),
    ]
}

fn registry_rows(registry: &RegistrySettings) -> [Row; 11] {
    let RegistrySettings {
        home,
        endpoint,
        hub_token,
        offline,
        tracking_uri,
        model_name,
        model_stage,
        refresh,
        user,
        password,
        tracking_token,
    } = registry;
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    [
        row(home, |home| path(Some(home))),
        row(endpoint, String::clone),
        row(hub_token, |token| hidden(token.as_ref())),
        row(offline, ToString::to_string),
        row(tracking_uri, |uri| uri.as_ref().map_or("none".to_owned(), |uri| without_password(uri.reveal()))),
        row(model_name, text),
        row(model_stage, String::clone),
        row(refresh, |every| every.as_secs().to_string()),
        row(user, text),
        row(password, |password| hidden(password.as_ref())),
        row(tracking_token, |token| hidden(token.as_ref())),
    ]
}

/// An address as it may be shown.
fn without_password(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://(hidden)@{host}"),
        (None, Some((_, host))) => format!("(hidden)@{host}"),
        _ => address.to_owned(),
    }
}

fn account_rows(accounts: &AccountSettings, limits: &LimitSettings) -> [Row; 13] {
    let AccountSettings {
        api_key,
        keys_file,
        database_url,
        data_directory,
        ledger_days,
        required,
        organizations: _,
        listed: _,
    } = accounts;
    let LimitSettings {
        ip_requests_per_second,
        ip_burst,
        tokens_per_day,
        requests_per_day,
        tokens_per_month,
        requests_per_month,
        shadow,
    } = limits;
    [
        row(api_key, |key| hidden(key.as_ref())),
        row(keys_file, |file| path(file.as_deref())),
        row(database_url, |url| match url {
            None => "accounts.db in the data directory".to_owned(),
            url => hidden(url.as_ref()),
        }),
        row(data_directory, |directory| path(Some(directory))),
        row(ledger_days, ToString::to_string),
        row(required, ToString::to_string),
        row(ip_requests_per_second, ToString::to_string),
        row(ip_burst, ToString::to_string),
        row(tokens_per_day, ToString::to_string),
        row(requests_per_day, ToString::to_string),
        row(tokens_per_month, ToString::to_string),
        row(requests_per_month, ToString::to_string),
        row(shadow, ToString::to_string),
    ]
}

fn log_rows(log: &LogSettings, telemetry: &TelemetrySettings) -> [Row; 8] {
    let LogSettings { format, level } = log;
    let TelemetrySettings { service_name, endpoint, protocol, headers, attributes, disabled } = telemetry;
    [
        row(format, |format| match format {
            Format::Json => "json".to_owned(),
            Format::Pretty => "pretty".to_owned(),
        }),
        row(level, |LogLevel(level)| level.map_or("off".to_owned(), |level| level.as_str().to_lowercase())),
        row(service_name, String::clone),
        row(endpoint, ToString::to_string),
        row(protocol, |protocol| match protocol {
            Protocol::Grpc => "grpc".to_owned(),
            Protocol::HttpProtobuf => "http/protobuf".to_owned(),
        }),
        row(headers, ToString::to_string),
        row(attributes, ToString::to_string),
        row(disabled, ToString::to_string),
    ]
}

fn scorer_rows(scorers: &ScorerSettings) -> Vec<Row> {
    let ScorerSettings { directory, record, record_bytes } = scorers;
    vec![
        row(directory, |directory| path(Some(directory))),
        row(record, |record| match record {
            Recording::Off => "off".to_owned(),
            Recording::Features => "features".to_owned(),
            Recording::Prompts => "prompts".to_owned(),
        }),
        row(record_bytes, |value| bytes(*value)),
    ]
}

fn row<T>(setting: &Setting<T>, show: impl Fn(&T) -> String) -> Row {
    [setting.names.name().to_owned(), show(&setting.value), setting.origin.to_string()]
}

fn bytes(bytes: NonZeroUsize) -> String {
    format!("{bytes} ({})", size(bytes.get() as u64))
}

fn path(path: Option<&Path>) -> String {
    path.map_or("none".to_owned(), |path| path.display().to_string())
}

/// An address of a database may hold a password.
fn hidden(secret: Option<&Secret>) -> String {
    secret.map_or("none", |_| "(hidden)").to_owned()
}

fn milliseconds(duration: &Duration) -> String {
    duration.as_millis().to_string()
}

/// Bytes for people: `4.1 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
