//! What the catalogue says of a model that runs on other servers.

use std::num::NonZeroU32;
use std::time::Duration;

use gateway::{Address, ApiKey, Balance, Timeouts, UpstreamSettings};

use super::keys::Reading;
use super::yaml::{Content, Key, Node};
use super::{FileProblem, Place};
use crate::settings::parse::{self, Expected};

const UPSTREAM: [&str; 6] = ["url", "model", "api_key", "weight", "max_concurrent", "cache_salt"];
const TIMEOUTS: [&str; 5] = ["connect_seconds", "first_byte_seconds", "idle_seconds", "total_seconds", "hedge_seconds"];

/// What has been read of a server.
#[derive(Debug, Default)]
struct Draft {
    address: Option<Address>,
    model: Option<String>,
    api_key: Option<ApiKey>,
    weight: Option<NonZeroU32>,
    max_concurrent: Option<NonZeroU32>,
    cache_salt: Option<bool>,
}

impl Reading<'_> {
    /// A server whose name for the model is left out has an empty one: it is that of the model here.
    pub(super) fn upstreams(&mut self, place: Place, node: Node) -> Vec<UpstreamSettings> {
        let servers = self.sections(place, node, "models.upstreams", "{url: \"http://host:8000\", model: NAME}");
        servers.into_iter().filter_map(|(place, entries)| self.upstream(place, entries)).collect()
    }

    fn upstream(&mut self, place: Place, entries: Vec<(Key, Node)>) -> Option<UpstreamSettings> {
        let before = self.problems.len();
        let mut draft = Draft::default();
        for (Key { name, line }, node) in entries {
            let place = self.place(line);
            self.upstream_field(&mut draft, &name, place, node);
        }
        let Draft { address, model, api_key, weight, max_concurrent, cache_salt } = draft;
        if address.is_none() && self.problems.len() == before {
            self.malformed(place, "a server needs a url: {url: \"http://host:8000\", model: NAME}");
        }
        Some(UpstreamSettings {
            address: address?,
            model: model.unwrap_or_default(),
            api_key,
            weight: weight.unwrap_or(NonZeroU32::MIN),
            max_concurrent,
            cache_salt: cache_salt.unwrap_or(true),
        })
    }

    fn upstream_field(&mut self, draft: &mut Draft, name: &str, place: Place, node: Node) {
        match name {
            "url" => {
                let may_hold_secret = |found: &str| found.contains(['@', '?']);
                draft.address = self.hidden("models.upstreams.url", place, node, address, may_hold_secret);
            }
            "model" => draft.model = self.parsed("models.upstreams.model", place, node, false, parse::name),
            "api_key" => draft.api_key = self.hidden("models.upstreams.api_key", place, node, api_key, |_| true),
            "weight" => draft.weight = self.parsed("models.upstreams.weight", place, node, false, count),
            "max_concurrent" => {
                draft.max_concurrent = self.parsed("models.upstreams.max_concurrent", place, node, false, count);
            }
            "cache_salt" => {
                draft.cache_salt = self.parsed("models.upstreams.cache_salt", place, node, false, parse::boolean);
            }
            _ => self.unknown_in(place, "models.upstreams", name, &UPSTREAM),
        }
    }

    /// What may be or hold a secret is not shown where it is refused.
    fn hidden<T>(
        &mut self,
        key: &'static str,
        place: Place,
        node: Node,
        parse: fn(&str) -> Result<T, Expected>,
        is_secret: fn(&str) -> bool,
    ) -> Option<T> {
        let value = self.parsed(key, place, node, false, parse);
        if value.is_none()
            && let Some(FileProblem::Wrong { found, .. }) = self.problems.last_mut()
            && is_secret(found)
        {
            "one that is not shown".clone_into(found);
        }
        value
    }

    pub(super) fn timeouts(&mut self, place: Place, node: Node) -> Timeouts {
        let mut timeouts = Timeouts::default();
        let Content::Section(entries) = node.content else {
            let found = "no section";
            self.problems.push(FileProblem::NoSection { place, key: "models.timeouts".to_owned(), found });
            return timeouts;
        };
        for (Key { name, line }, node) in entries {
            let place = self.place(line);
            let (key, time) = match name.as_str() {
                "connect_seconds" => ("models.timeouts.connect_seconds", &mut timeouts.connect),
                "first_byte_seconds" => ("models.timeouts.first_byte_seconds", &mut timeouts.first_byte),
                "idle_seconds" => ("models.timeouts.idle_seconds", &mut timeouts.idle),
                "total_seconds" => ("models.timeouts.total_seconds", &mut timeouts.total),
                "hedge_seconds" => {
                    let key = "models.timeouts.hedge_seconds";
                    timeouts.hedge = self.parsed(key, place, node, false, seconds);
                    continue;
                }
                _ => {
                    self.unknown_in(place, "models.timeouts", &name, &TIMEOUTS);
                    continue;
                }
            };
            *time = self.parsed(key, place, node, false, seconds).unwrap_or(*time);
        }
        timeouts
    }
}

pub(super) fn balance(text: &str) -> Result<Balance, Expected> {
    match text.trim() {
        "least_loaded" => Ok(Balance::LeastLoaded),
        "round_robin" => Ok(Balance::RoundRobin),
        "prefix" => Ok(Balance::Prefix),
        _ => Err(Expected("least_loaded, round_robin or prefix")),
    }
}

/// Those without which there is no request cannot be among them.
pub(super) fn refused_fields(text: &str) -> Result<Vec<String>, Expected> {
    let names: Vec<String> = parse::list(text);
    let needed = ["model", "messages", "prompt", "stream", "stream_options", "max_tokens"];
    let is_name = |name: &String| !needed.contains(&name.as_str()) && !name.contains(char::is_whitespace);
    let expected = "names of fields that a request can do without";
    if names.iter().all(is_name) { Ok(names) } else { Err(Expected(expected)) }
}

fn address(text: &str) -> Result<Address, Expected> {
    text.trim().parse().map_err(|error| match error {
        gateway::NotAnAddress::Malformed => Expected("an address such as http://host:8000"),
        gateway::NotAnAddress::HasPassword => Expected("an address without a name or password: a key goes into api_key"),
        gateway::NotAnAddress::HasQuery => Expected("an address without ? and what follows it"),
    })
}

/// Set to nothing, it is no key.
fn api_key(text: &str) -> Result<ApiKey, Expected> {
    let key = text.trim();
    let key = (!key.is_empty()).then(|| ApiKey::new(key).ok()).flatten();
    key.ok_or(Expected("a key, without line ends"))
}

fn count(text: &str) -> Result<NonZeroU32, Expected> {
    text.trim().parse().map_err(|_| Expected("a whole number, at least 1"))
}

/// At most a day.
fn seconds(text: &str) -> Result<Duration, Expected> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or(Expected("seconds, more than 0 and at most 86400 (a day)"))
}
