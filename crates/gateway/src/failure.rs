//! Why a server gave no answer, and what that says: about the server, to the client, and whether another server may be asked.

use std::time::Duration;

use backend::Error;
use http::StatusCode;
use openai::Unheard;
use openai::problem::Said;
use thiserror::Error as ThisError;

use crate::ApiKey;

/// Where a server that is busy does not say when to come back.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// As far as a server is believed about when to come back.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(10);

/// As text, it is for the log: what a server says of a request may repeat it, and is not part of that.
#[derive(Debug, Clone, PartialEq, ThisError)]
pub(crate) enum Failure {
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    /// In the middle of an answer in one piece.
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    #[error("the answer ended before it was whole")]
    Truncated,
    #[error("the answer makes no sense: {0}")]
    Nonsense(String),
    /// Nothing at all of an answer.
    #[error("no answer within {} s", .0.as_secs_f64())]
    NoFirstByte(Duration),
    #[error("silence for {} s in the middle of an answer", .0.as_secs_f64())]
    Silent(Duration),
    #[error("the answer took longer than {} s", .0.as_secs_f64())]
    TooLong(Duration),
    /// In the middle of a stream.
    #[error("an error in the stream")]
    InStream(Said),
    /// Before it.
    #[error("status {}", status.as_u16())]
    Status { status: StatusCode, said: Said, retry_after: Option<Duration> },
}

/// What came is no answer.
impl From<Unheard> for Failure {
    fn from(unheard: Unheard) -> Self {
        match unheard {
            Unheard::Problem(said) => Self::InStream(said),
            Unheard::Unfinished { .. } => Self::Truncated,
            other => Self::Nonsense(other.to_string()),
        }
    }
}

/// What a failure says about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something is wrong with it.
    Fault,
    /// It answers. Whether it or the request is to blame is not known.
    Doubt,
    /// It is well, and has too much to do: until then.
    Busy { until_in: Duration },
    /// It is well, and the request is not.
    Refusal,
}

/// Under which names failures are counted, in the order of [`Failure::number`].
pub(crate) const KINDS: [&str; 8] =
    ["unreachable", "broken", "nonsense", "timeout", "server_error", "busy", "refused", "loop"];

impl Failure {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::InStream(said) if said.refusal().is_some() => Verdict::Refusal,
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after, .. } => {
                Verdict::Busy { until_in: retry_after.unwrap_or(RETRY_AFTER) }
            }
            Self::Status { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(retry_after), .. } => {
                Verdict::Busy { until_in: *retry_after }
            }
            Self::Status { .. } if self.is_loop() => Verdict::Refusal,
            Self::Status { status: StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED, .. } => {
                Verdict::Fault
            }
            // Our name for the model, or one client's way of asking it: a route that this server does not have, a text that it objects to.
            Self::Status { .. } if self.is_about_us() => Verdict::Doubt,
            Self::Status { status, .. } if status.is_client_error() => Verdict::Refusal,
            // What stands before the server cannot get through to it.
            Self::Status { status, .. } if matches!(status.as_u16(), 502..=504) => Verdict::Fault,
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::BrokenOff(_)
            | Self::Truncated
            | Self::NoFirstByte(_)
            | Self::Silent(_) => Verdict::Fault,
            Self::Nonsense(_) | Self::TooLong(_) | Self::InStream(_) | Self::Status { .. } => Verdict::Doubt,
        }
    }

    /// The same, with our key for the server taken out of whatever it says: for the log, and for clients.
    pub(crate) fn without_key(self, key: Option<&ApiKey>) -> Self {
        let Some(key) = key else { return self };
        let without = |mut said: Said| {
            said.message = key.hidden_in(&said.message);
            said.parameter = said.parameter.map(|parameter| key.hidden_in(&parameter));
            said
        };
        match self {
            Self::Unreachable(reason) => Self::Unreachable(key.hidden_in(&reason)),
            Self::Broken(reason) => Self::Broken(key.hidden_in(&reason)),
            Self::BrokenOff(reason) => Self::BrokenOff(key.hidden_in(&reason)),
            Self::Nonsense(reason) => Self::Nonsense(key.hidden_in(&reason)),
            Self::InStream(said) => Self::InStream(without(said)),
            Self::Status { status, said, retry_after } => Self::Status { status, said: without(said), retry_after },
            other @ (Self::Truncated | Self::NoFirstByte(_) | Self::Silent(_) | Self::TooLong(_)) => other,
        }
    }

    /// What is wrong with a server is worth a look; what a client does wrong is in the line of its request.
    pub(crate) fn log(&self, upstream: &str) {
        match self.verdict() {
            Verdict::Fault | Verdict::Doubt => tracing::warn!(upstream, reason = %self, "a server has failed"),
            Verdict::Busy { .. } => tracing::info!(upstream, reason = %self, "a server has too much to do"),
            Verdict::Refusal => tracing::debug!(upstream, reason = %self, "a server has refused a request"),
        }
    }

    /// Whether another server may be asked: nothing has been sent to the client yet, and the request may have been the server's
    /// first. What has taken long is not asked again: it would take as long.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broken(_) | Self::Truncated => true,
            Self::Status { status, .. } => matches!(status.as_u16(), 429 | 502 | 503 | 504 | 508) || self.is_about_us(),
            _ => false,
        }
    }

    /// Our key, or our name for the model: nothing that the client could put right, and a server that is set up so must not take the
    /// requests that others would answer.
    pub(crate) fn is_about_us(&self) -> bool {
        matches!(self, Self::Status { status, .. } if matches!(status.as_u16(), 401 | 402 | 403 | 404 | 405 | 407))
    }

    /// A gateway of our kind, which would have sent the request back here: it is well, and other requests have a way through it. So this
    /// is no fault of it, but another server may lead elsewhere.
    pub(crate) fn is_loop(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::LOOP_DETECTED, .. })
    }

    /// Its place in [`KINDS`].
    pub(crate) fn number(&self) -> usize {
        match self {
            Self::Unreachable(_) => 0,
            Self::Broken(_) | Self::BrokenOff(_) | Self::Truncated => 1,
            Self::Nonsense(_) => 2,
            Self::NoFirstByte(_) | Self::Silent(_) | Self::TooLong(_) => 3,
            Self::Status { .. } if self.is_loop() => 7,
            Self::InStream(_) | Self::Status { .. } => match self.verdict() {
                Verdict::Fault | Verdict::Doubt => 4,
                Verdict::Busy { .. } => 5,
                Verdict::Refusal => 6,
            },
        }
    }

    /// For the client. Which server it was, and what it said of itself, is in the log.
    pub(crate) fn into_error(self) -> Error {
        let upstream = |reason: &str| Error::Upstream { reason: reason.into() };
        if self.is_about_us() {
            return upstream("it does not take our requests");
        }
        match self {
            Self::Unreachable(_) => upstream("it cannot be reached"),
            Self::Broken(_) | Self::BrokenOff(_) | Self::Truncated => upstream("its answer broke off"),
            Self::Nonsense(_) => upstream("its answer makes no sense"),
            Self::NoFirstByte(after) | Self::Silent(after) | Self::TooLong(after) => Error::Timeout { after },
            Self::InStream(said) => said.refusal().unwrap_or_else(|| upstream("it reported an error of its own")),
            Self::Status { status, said, retry_after } => refused(status, said, retry_after),
        }
    }
}

fn refused(status: StatusCode, said: Said, retry_after: Option<Duration>) -> Error {
    match (status.as_u16(), retry_after) {
        (429, after) => {
            let reason = "the servers behind this model have too much to do";
            Error::QueueFull { reason, retry_after: after.unwrap_or(RETRY_AFTER) }
        }
        (503, Some(retry_after)) => {
            Error::Unavailable { reason: "the server behind this model cannot answer now".into(), retry_after }
        }
        (508, _) => Error::Loop { reason: "a server behind this model has sent it back" },
        (408, _) => Error::Upstream { reason: "it gave up waiting".into() },
        (400..=499, _) => Error::Refused { kind: said.kind(), parameter: said.parameter, message: said.message },
        _ => Error::Upstream { reason: "it reported an error of its own".into() },
    }
}

#[cfg(test)]
mod tests {
    use backend::Kind;

    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::Status { status, said: Said::default(), retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn what_a_client_does_wrong_and_what_is_too_much_is_no_fault_of_the_server() {
        for (status, retry_after, verdict) in [
            (400, None, Verdict::Refusal),
            (401, None, Verdict::Fault),
            (403, None, Verdict::Doubt),
            (404, None, Verdict::Doubt),
            (422, None, Verdict::Refusal),
            (429, None, Verdict::Busy { until_in: RETRY_AFTER }),
            (429, Some(7), Verdict::Busy { until_in: Duration::from_secs(7) }),
            (500, None, Verdict::Doubt),
            (501, None, Verdict::Doubt),
            (502, None, Verdict::Fault),
            (503, None, Verdict::Fault),
            (503, Some(3), Verdict::Busy { until_in: Duration::from_secs(3) }),
            (504, None, Verdict::Fault),
            (508, None, Verdict::Refusal),
        ] {
            assert_eq!(self::status(status, retry_after).verdict(), verdict, "{status}");
        }
    }

    #[test]
    fn another_server_is_asked_only_where_that_can_help() {
        let worth = |code| status(code, None).is_worth_another_try();
        assert!([401, 404, 429, 502, 503, 504, 508].into_iter().all(worth));
        assert!(![400, 413, 422, 500, 501].into_iter().any(worth));
        assert!(Failure::Unreachable(String::new()).is_worth_another_try());
        assert!(!Failure::NoFirstByte(Duration::ZERO).is_worth_another_try());
        assert!(!Failure::BrokenOff(String::new()).is_worth_another_try());
    }

    #[test]
    fn what_is_ours_to_put_right_is_not_blamed_on_the_client() {
        for code in [401, 403, 404, 500, 502] {
            assert_eq!(status(code, None).into_error().kind(), Kind::Upstream, "{code}");
        }
        assert_eq!(status(422, None).into_error().kind(), Kind::Invalid);
        assert_eq!(status(503, Some(2)).into_error().retry_after(), Some(Duration::from_secs(2)));
        assert_eq!(status(429, None).into_error().kind(), Kind::QueueFull);
    }

    #[test]
    fn our_key_is_in_nothing_that_a_server_says() {
        let key = ApiKey::new("its-key").unwrap();
        let said = Said::read(br#"{"error":{"message":"its-key is wrong","type":"invalid_request_error"}}"#);
        let status = StatusCode::BAD_REQUEST;
        for failure in [
            Failure::Broken("its-key".into()),
            Failure::Nonsense("its type is its-key".into()),
            Failure::Unreachable("its-key".into()),
            Failure::InStream(said.clone()),
            Failure::Status { status, said, retry_after: None },
        ] {
            let failure = failure.without_key(Some(&key));
            let error = failure.clone().into_error();
            assert!(!format!("{failure:?} {error:?} {error}").contains("its-key"), "{failure:?}");
        }
    }

    #[test]
    fn what_a_server_says_of_a_prompt_is_not_logged() {
        let said = Said::read(br#"{"error":{"message":"your prompt: secret"}}"#);
        let failure = Failure::Status { status: StatusCode::BAD_REQUEST, said: said.clone(), retry_after: None };
        let heard = openai::Heard::of_any(0).read(r#"{"choices":[{"index":"secret"}]}"#).unwrap_err();
        for failure in [failure, Failure::InStream(said), heard.into()] {
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }
}
