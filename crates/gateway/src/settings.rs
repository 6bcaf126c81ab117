//! What a group of servers is told at its start.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use backend::Hop;
use http::HeaderValue;
use http::header::InvalidHeaderValue;

use crate::Address;

/// One model, and the servers that answer for it.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// What clients call the model.
    pub id: String,
    /// At least one.
    pub upstreams: Vec<UpstreamSettings>,
    pub timeouts: Timeouts,
    pub balance: Balance,
    /// Fields of a request that are not handed on.
    pub refused_fields: Vec<String>,
    /// How many requests may wait while every server has as many as it takes...
    pub max_queued: usize,
    /// ... and for how long.
    pub queue_timeout: Duration,
    /// This run of the program, by which it knows what it has sent on itself.
    pub hop: Hop,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    pub address: Address,
    /// What the server calls the model.
    pub model: String,
    /// What the server is asked with. It is never what a client asked with.
    pub api_key: Option<ApiKey>,
    /// How much of the load it takes, beside the others.
    pub weight: NonZeroU32,
    /// Requests at a time; absent: as many as come.
    pub max_concurrent: Option<NonZeroU32>,
    /// It knows vLLM's `cache_salt`, with which tenants do not share their prefixes there.
    pub cache_salt: bool,
}

/// How long to wait, for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the first event of a stream. An answer in one piece has no byte before it is whole: `total` alone bounds it.
    pub first_byte: Duration,
    /// For the next byte of a stream.
    pub idle: Duration,
    /// For all of an answer.
    pub total: Duration,
    /// For the first event of a stream, before another server is asked for it too. The first to answer does, and the other one's request
    /// ends. `None`: never. An answer in one piece is never asked for twice, for it would be made twice.
    pub hedge: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_mins(1),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(10),
            hedge: None,
        }
    }
}

/// Which of several servers is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Balance {
    /// Of two drawn by chance, the one that has less to do and answers sooner.
    #[default]
    LeastLoaded,
    /// One after the other.
    RoundRobin,
    /// The one that has the beginning of the prompt in its cache, unless it has much more to do than the others.
    Prefix,
}

/// A server's key. It prints itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Fails on what no header may hold.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidHeaderValue> {
        let key = key.into();
        HeaderValue::from_str(&key)?;
        Ok(Self(key))
    }

    /// `Authorization`'s value.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A text with the key taken out of it.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "…") }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_print_itself() {
        let key = ApiKey::new("its-key").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.bearer()), "ApiKey(hidden) Some(Sensitive)");
        assert_eq!(key.hidden_in("wrong key: its-key"), "wrong key: …");
    }

    #[test]
    fn what_no_header_may_hold_is_no_key() {
        assert!(ApiKey::new("two\nlines").is_err());
    }
}
