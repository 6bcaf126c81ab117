//! From text to types: one function a kind of value, the same for flags and variables.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use accounts::{Secret, Store};
use api::{PredictSettings, TrustedHosts, TrustedProxies};
use backend::{MinP, RepetitionPenalty, Temperature, TopK, TopP};
use kernels::{Format, KvElement};
use registry::{Allowed, Declared};
use serving::Group;
use thiserror::Error;
use tracing::Level;

/// What a value should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected {0}")]
pub(crate) struct Expected(pub(crate) &'static str);

type Parsed<T> = Result<T, Expected>;

/// Which pages of other sites may call this server from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origins {
    Any,
    /// Each as a browser sends it: `https://example.org`, with the port where it is not the scheme's own.
    These(Vec<String>),
}

/// The least important lines that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogLevel(pub(crate) Option<Level>);

/// How keys and values are held; `None` leaves it to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KvCacheType(pub(crate) Option<KvElement>);

impl KvCacheType {
    const NAMES: [(&str, Option<KvElement>); 5] = [
        ("auto", None),
        ("f32", Some(KvElement::F32)),
        ("f16", Some(KvElement::F16)),
        ("bf16", Some(KvElement::Bf16)),
        ("int8", Some(KvElement::I8)),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, element)| *element == self.0).map_or("auto", |(name, _)| name)
    }
}

/// What weights are encoded in when they are loaded; `None` leaves them as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantization(pub(crate) Option<Format>);

impl Quantization {
    const NAMES: [(&str, Option<Format>); 8] = [
        ("stored", None),
        ("f16", Some(Format::F16)),
        ("bf16", Some(Format::Bf16)),
        ("q8_0", Some(Format::Q8_0)),
        ("q6_k", Some(Format::Q6K)),
        ("q5_k", Some(Format::Q5K)),
        ("q4_k", Some(Format::Q4K)),
        ("q4_0", Some(Format::Q4_0)),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self.0).map_or("stored", |(name, _)| name)
    }
}

/// How much is allowed in a day or month; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance(pub(crate) Option<u64>);

impl fmt::Display for Allowance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("none"),
            Some(limit) => limit.fmt(formatter),
        }
    }
}

/// Requests a second; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) Option<NonZeroU32>);

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("none"),
            Some(rate) => rate.fmt(formatter),
        }
    }
}

/// Whether tokens are guessed ahead, and from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speculation {
    Off,
    /// From the text itself.
    Ngram,
    /// From a smaller model.
    Draft,
}

/// What is kept of what is asked and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recording {
    Off,
    /// With figures of the prompts, and none of their text.
    Features,
    /// With the text of the prompts.
    Prompts,
}

/// A name or an address without a port.
pub(crate) fn hostname(text: &str) -> Parsed<String> {
    let expected = Expected("a host name or an address without a port, as 0.0.0.0, localhost or ::1");
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_address = bare.parse::<std::net::IpAddr>().is_ok();
    let is_name = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if is_address || is_name { Ok(bare.to_owned()) } else { Err(expected) }
}

pub(crate) fn port(text: &str) -> Parsed<u16> {
    text.trim().parse().map_err(|_| Expected("a port from 1 to 65535, or 0 for any that is free"))
}

pub(crate) fn path(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() { Err(Expected("a path")) } else { Ok(PathBuf::from(text)) }
}

/// Any text but none.
pub(crate) fn name(text: &str) -> Parsed<String> {
    let text = text.trim();
    if text.is_empty() { Err(Expected("a name")) } else { Ok(text.to_owned()) }
}

/// `*`, or ids with commas between them.
pub(crate) fn allowed(text: &str) -> Parsed<Allowed> {
    let ids = list(text);
    match ids.as_slice() {
        [] => Err(Expected("ids of models with commas between them, or *")),
        ids if ids.iter().any(|id| id == "*") => Ok(Allowed::All),
        _ => Ok(Allowed::Ids(ids)),
    }
}

/// What clients call a model.
pub(crate) fn model_id(text: &str) -> Parsed<String> {
    let expected = Expected("the name of a model, as llama3 or org/name, without spaces and commas");
    let well_formed = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != ',');
    if text.is_empty() || text == "*" || !well_formed { Err(expected) } else { Ok(text.to_owned()) }
}

pub(crate) fn model_ids(text: &str) -> Parsed<Vec<String>> {
    list(text).iter().map(|id| model_id(id)).collect()
}

pub(crate) fn source(text: &str) -> Parsed<Declared> {
    let expected = "a path, embedded, hf:org/name[@revision], hf:org/name:file.gguf or mlflow:models:/name/stage";
    text.parse().map_err(|registry::NotASource| Expected(expected))
}

/// As of a model, but for what cannot be one.
pub(crate) fn adapter_source(text: &str) -> Parsed<Declared> {
    let expected = Expected("a directory, hf:org/name[@revision] or mlflow:models:/name/stage");
    match text.parse() {
        Ok(source @ (Declared::Path(_) | Declared::Origin(_))) => Ok(source),
        Ok(Declared::Embedded | Declared::Remote(_)) | Err(registry::NotASource) => Err(expected),
    }
}

pub(crate) fn group(text: &str) -> Parsed<Group> {
    let text = text.trim().to_ascii_lowercase();
    Group::ALL.into_iter().find(|group| group.as_str() == text).ok_or(Expected("chat or text2sql"))
}

pub(crate) fn origins(text: &str) -> Parsed<Origins> {
    let expected = Expected("origins as https://example.org:8443 with commas between them, or *");
    let origins = list(text);
    if origins.iter().any(|origin| origin == "*") {
        return Ok(Origins::Any);
    }
    let well_formed = |origin: &String| {
        origin.split_once("://").is_some_and(|(scheme, host)| {
            let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
            let fits = |c: char| c.is_ascii_graphic() && !"/?#@\\*".contains(c);
            !scheme.is_empty() && !host.is_empty() && host.chars().all(fits) && port.is_none_or(is_port)
        })
    };
    if origins.is_empty() || !origins.iter().all(well_formed) {
        return Err(expected);
    }
    Ok(Origins::These(origins.iter().map(|origin| as_browsers_send(origin)).collect()))
}

/// As browsers write one.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
}

/// In lower case, without the port that goes without saying: an origin is compared byte by byte.
fn as_browsers_send(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let usual = [("http://", ":80"), ("https://", ":443")];
    let usual = usual.into_iter().find(|(scheme, _)| origin.starts_with(scheme)).map_or("", |(_, port)| port);
    origin.strip_suffix(usual).unwrap_or(&origin).to_owned()
}

pub(crate) fn trusted_hosts(text: &str) -> Parsed<TrustedHosts> {
    let expected = Expected("host names as api.example.org or *.example.org, without ports, with commas between them, or *");
    let hosts = list(text);
    if hosts.iter().any(|host| host == "*") {
        return Ok(TrustedHosts::Any);
    }
    let hosts: Result<Vec<_>, _> = hosts.iter().map(|host| host.parse()).collect();
    hosts.ok().filter(|hosts| !hosts.is_empty()).map(TrustedHosts::These).ok_or(expected)
}

pub(crate) fn trusted_proxies(text: &str) -> Parsed<TrustedProxies> {
    let expected = Expected("networks as 10.0.0.0/8 or fd00::/8, or addresses, with commas between them");
    let proxies: Option<TrustedProxies> = list(text).iter().map(|network| TrustedProxies::network(network)).collect();
    proxies.filter(|proxies| *proxies != TrustedProxies::default()).ok_or(expected)
}

pub(crate) fn temperature(text: &str) -> Parsed<Temperature> {
    number(text).and_then(|value| Temperature::new(value).ok()).ok_or(Expected("a number from 0 to 2"))
}

pub(crate) fn top_p(text: &str) -> Parsed<TopP> {
    number(text).and_then(|value| TopP::new(value).ok()).ok_or(Expected("a number between 0 and 1"))
}

pub(crate) fn top_k(text: &str) -> Parsed<TopK> {
    text.trim().parse().ok().and_then(TopK::new).ok_or(Expected("a whole number, at least 1"))
}

pub(crate) fn min_p(text: &str) -> Parsed<MinP> {
    number(text).and_then(|value| MinP::new(value).ok()).ok_or(Expected("a number between 0 and 1"))
}

pub(crate) fn repetition_penalty(text: &str) -> Parsed<RepetitionPenalty> {
    number(text)
        .and_then(|value| RepetitionPenalty::new(value).ok())
        .ok_or(Expected("a number greater than 0 and at most 2"))
}

pub(crate) fn quantization(text: &str) -> Parsed<Quantization> {
    let text = text.trim().to_ascii_lowercase();
    let named = Quantization::NAMES.iter().find(|(name, _)| *name == text);
    named.map(|(_, format)| Quantization(*format)).ok_or(Expected("stored, f16, bf16, q8_0, q6_k, q5_k, q4_k or q4_0"))
}

pub(crate) fn allowance(text: &str) -> Parsed<Allowance> {
    match text.trim() {
        "none" => Ok(Allowance(None)),
        number => number.parse().map(|limit| Allowance(Some(limit))).map_err(|_| Expected("a whole number, or none")),
    }
}

/// A limit where none cannot be meant.
pub(crate) fn amount(text: &str) -> Parsed<u64> {
    text.trim().parse().map_err(|_| Expected("a whole number"))
}

pub(crate) fn days(text: &str) -> Parsed<NonZeroU32> {
    text.trim().parse().map_err(|_| Expected("a number of days, at least 1"))
}

/// Of an organisation or a key: it stands in tables and logs.
pub(crate) fn account_name(text: &str) -> Parsed<String> {
    let well_formed = text.len() <= 100 && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != ',');
    let expected = Expected("a name of at most 100 characters, without spaces and commas");
    if text.is_empty() || !well_formed { Err(expected) } else { Ok(text.to_owned()) }
}

pub(crate) fn rate(text: &str) -> Parsed<Rate> {
    match text.trim() {
        "none" => Ok(Rate(None)),
        number => number.parse().map(|rate| Rate(Some(rate))).map_err(|_| Expected("a whole number, at least 1, or none")),
    }
}

pub(crate) fn burst(text: &str) -> Parsed<NonZeroU32> {
    text.trim().parse().map_err(|_| Expected("a whole number, at least 1"))
}

/// The address of a server, without a slash at its end.
pub(crate) fn server(text: &str) -> Parsed<String> {
    let text = text.trim().trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && c != '@');
    if host.is_some_and(is_host) {
        Ok(text.to_owned())
    } else {
        Err(Expected("an address of a server, as https://hub.example.org"))
    }
}

/// What else is wrong with it is not told, for that would quote it. No header could carry more than one line.
pub(crate) fn secret(text: &str) -> Parsed<Secret> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(Expected("a text of one line"));
    }
    Ok(Secret::new(text))
}

/// What a flag has, before it is known to be one: the library that reads the command line would quote what it refuses.
#[expect(clippy::unnecessary_wraps, reason = "it stands where others can fail")]
pub(crate) fn unread(text: &str) -> Parsed<Secret> {
    Ok(Secret::new(text))
}

pub(crate) fn database_url(text: &str) -> Parsed<Secret> {
    secret(text).ok().filter(Store::knows).ok_or(Expected("an address that begins with sqlite: or postgres:"))
}

pub(crate) fn tokens(text: &str) -> Parsed<NonZeroU32> {
    text.trim().parse().map_err(|_| Expected("a number of tokens, at least 1"))
}

/// What `/predict` takes as `max_length`.
pub(crate) fn length(text: &str) -> Parsed<NonZeroU32> {
    let most = PredictSettings::default().most_length;
    tokens(text).ok().filter(|length| *length <= most).ok_or(Expected("a number of tokens from 1 to 2048"))
}

/// At least one of something.
pub(crate) fn some(text: &str) -> Parsed<NonZeroUsize> {
    text.trim().parse().map_err(|_| Expected("a whole number, at least 1"))
}

/// As many as there are processors in the largest machines, and no slip of the finger.
pub(crate) fn threads(text: &str) -> Parsed<NonZeroUsize> {
    const MOST: usize = 1024;
    some(text).ok().filter(|threads| threads.get() <= MOST).ok_or(Expected("a whole number, 1 to 1024"))
}

/// Any number of something, none included.
pub(crate) fn any(text: &str) -> Parsed<usize> {
    text.trim().parse().map_err(|_| Expected("a whole number"))
}

/// At most a day: longer is a slip of the finger.
pub(crate) fn milliseconds(text: &str) -> Parsed<Duration> {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let milliseconds = text.trim().parse::<u64>().ok().filter(|milliseconds| *milliseconds <= DAY);
    milliseconds.map(Duration::from_millis).ok_or(Expected("milliseconds, at most 86400000 (a day)"))
}

/// At most a day, as above.
pub(crate) fn seconds(text: &str) -> Parsed<Duration> {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = text.trim().parse::<u64>().ok().filter(|seconds| *seconds <= DAY);
    seconds.map(Duration::from_secs).ok_or(Expected("seconds, at most 86400 (a day)"))
}

/// Plain bytes, or a number with a unit. A bare `M` is refused, since some mean 1000² by it and others 1024².
pub(crate) fn bytes(text: &str) -> Parsed<NonZeroUsize> {
    const EXPECTED: Expected = Expected("bytes, or a number with KB, MB, GB, KiB, MiB or GiB, as 512MiB");
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(EXPECTED),
    };
    let bytes = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor),
        // `1.5GiB`; a fraction of a byte is nobody's intention.
        Err(_) => number.parse::<f64>().ok().filter(|_| factor > 1).map(|value| (value * factor as f64) as u64),
    };
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).and_then(NonZeroUsize::new).ok_or(EXPECTED)
}

pub(crate) fn kv_cache_type(text: &str) -> Parsed<KvCacheType> {
    let text = text.trim().to_ascii_lowercase();
    let named = KvCacheType::NAMES.iter().find(|(name, _)| *name == text);
    named.map(|(_, element)| KvCacheType(*element)).ok_or(Expected("auto, f32, f16, bf16 or int8"))
}

pub(crate) fn speculation(text: &str) -> Parsed<Speculation> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(Speculation::Off),
        "ngram" => Ok(Speculation::Ngram),
        "draft" => Ok(Speculation::Draft),
        _ => Err(Expected("off, ngram or draft")),
    }
}

pub(crate) fn recording(text: &str) -> Parsed<Recording> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(Recording::Off),
        "features" => Ok(Recording::Features),
        "prompts" => Ok(Recording::Prompts),
        _ => Err(Expected("off, features or prompts")),
    }
}

pub(crate) fn speculation_tokens(text: &str) -> Parsed<NonZeroUsize> {
    let tokens = text.trim().parse().ok().filter(|tokens: &NonZeroUsize| tokens.get() <= engine::MOST_GUESSES);
    tokens.ok_or(Expected("a number of tokens from 1 to 15"))
}

pub(crate) fn log_format(text: &str) -> Parsed<telemetry::logs::Format> {
    match text.trim().to_ascii_lowercase().as_str() {
        "json" => Ok(telemetry::logs::Format::Json),
        "pretty" => Ok(telemetry::logs::Format::Pretty),
        _ => Err(Expected("json or pretty")),
    }
}

pub(crate) fn log_level(text: &str) -> Parsed<LogLevel> {
    let level = match text.trim().to_ascii_lowercase().as_str() {
        "off" => None,
        "error" => Some(Level::ERROR),
        "warn" | "warning" => Some(Level::WARN),
        "info" => Some(Level::INFO),
        "debug" => Some(Level::DEBUG),
        "trace" => Some(Level::TRACE),
        _ => return Err(Expected("off, error, warn, info, debug or trace")),
    };
    Ok(LogLevel(level))
}

pub(crate) fn boolean(text: &str) -> Parsed<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Expected("true or false")),
    }
}

fn number(text: &str) -> Option<f32> {
    text.trim().parse().ok()
}

pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
