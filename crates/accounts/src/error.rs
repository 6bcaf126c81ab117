//! Why a request is turned away.

use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

use crate::quota::Standing;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The text of each may be shown to the client: none says which keys there are, or quotes one.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// Missing, unknown, wrong, revoked and expired alike.
    #[error("a valid API key is needed: send it as \"Authorization: Bearer <key>\"")]
    Unauthorized,
    #[error("this key may not {what}")]
    Forbidden { what: String },
    /// An address or a key asks too often.
    #[error("too many {what}; try again in {} s", seconds(*retry_after))]
    RateLimited { what: &'static str, retry_after: Duration, standing: Box<Standing> },
    /// What is left of a day or month does not suffice.
    #[error("{}", spent(what, *limit, *asked, *left, *retry_after))]
    QuotaSpent { what: String, limit: u64, asked: u64, left: u64, retry_after: Duration, standing: Box<Standing> },
    /// What is left would suffice, were it not set aside for requests that run.
    #[error(
        "what is left of {limit} {what} is set aside for requests that are running; try again in {} s",
        seconds(*retry_after)
    )]
    SetAside { what: String, limit: u64, retry_after: Duration, standing: Box<Standing> },
    /// It will never fit, however long one waits.
    #[error(
        "the request could take {asked} tokens, more than the {limit} {what} that may be used at all: shorten the prompt, or the answer that is asked for"
    )]
    TooLarge { what: String, asked: u64, limit: u64 },
    /// The database does not answer. Nothing is said about the key.
    #[error("{reason}")]
    Unavailable { reason: &'static str, retry_after: Duration },
}

impl Error {
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::QuotaSpent { retry_after, .. }
            | Self::SetAside { retry_after, .. }
            | Self::Unavailable { retry_after, .. } => Some(*retry_after),
            Self::Unauthorized | Self::Forbidden { .. } | Self::TooLarge { .. } => None,
        }
    }

    /// How much is left, where that is the reason.
    pub fn standing(&self) -> Option<&Standing> {
        match self {
            Self::RateLimited { standing, .. } | Self::QuotaSpent { standing, .. } | Self::SetAside { standing, .. } => {
                Some(standing)
            }
            _ => None,
        }
    }
}

fn spent(what: &str, limit: u64, asked: u64, left: u64, retry_after: Duration) -> String {
    if limit == 0 {
        return format!("the quota is 0 {what}: nothing may be asked");
    }
    let wait = SignedDuration::from_secs(seconds(retry_after) as i64);
    if left == 0 {
        return format!("the quota of {limit} {what} is spent; it begins anew in {wait:#}");
    }
    format!(
        "the request could take {asked} tokens, and of {limit} {what} {left} are left: shorten the prompt, or the answer that is \
         asked for, or wait for the quota, which begins anew in {wait:#}"
    )
}

fn seconds(wait: Duration) -> f64 {
    wait.as_secs_f64().ceil().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_told_in_hours_and_what_is_never_allowed_is_called_that() {
        let spent = |limit, asked, left| spent("tokens a day", limit, asked, left, Duration::from_millis(8_606_500));
        assert_eq!(spent(5, 1, 0), "the quota of 5 tokens a day is spent; it begins anew in 2h 23m 27s");
        assert_eq!(spent(0, 1, 0), "the quota is 0 tokens a day: nothing may be asked");
        assert_eq!(
            spent(300, 272, 228),
            "the request could take 272 tokens, and of 300 tokens a day 228 are left: shorten the prompt, or the answer that \
             is asked for, or wait for the quota, which begins anew in 2h 23m 27s"
        );
    }
}
