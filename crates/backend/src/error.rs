//! Why there is no answer. One enum for every maker of answers, so that one table can turn it into a status.

use std::time::Duration;

use thiserror::Error;

use crate::OutOfRange;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The text of each variant but `Internal` may be shown to the client.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    #[error("{parameter}: {message}")]
    Invalid { parameter: String, message: String },
    #[error("{parameter} {reason}")]
    OutOfRange { parameter: String, reason: OutOfRange },
    #[error("{parameter} is not supported: {message}")]
    Unsupported { parameter: String, message: String },
    #[error(
        "{parameter}: this model's context is {context} tokens, but {prompt} were asked for in the prompt and {completion} in the completion"
    )]
    ContextLength { parameter: String, context: u32, prompt: u32, completion: u32 },
    /// So long that nobody needs to count its tokens.
    #[error(
        "{parameter}: this model's context is {context} tokens, which a text of {bytes} bytes exceeds whatever its words are"
    )]
    TooLong { parameter: String, context: u32, bytes: u64 },
    #[error("the model {:?} does not exist; there are: {}", shortened(model), known.join(", "))]
    UnknownModel { parameter: String, model: String, known: Vec<String> },
    #[error("the adapter {:?} does not exist; there are: {}", shortened(adapter), listed(known))]
    UnknownAdapter { parameter: String, adapter: String, known: Vec<String> },
    /// No key, or none that opens anything: which of the two is not said.
    #[error("a valid API key is needed; send it as \"Authorization: Bearer <key>\"")]
    Unauthorized,
    #[error("{reason}")]
    Forbidden { reason: String },
    /// Too much in a short time.
    #[error("{reason}")]
    RateLimited { reason: String, retry_after: Duration },
    /// Too much in a day or month: trying again at once is of no use.
    #[error("{reason}")]
    QuotaSpent { reason: String, retry_after: Duration },
    #[error("{reason}; try again in {} s", retry_after.as_secs_f64().ceil().max(1.0))]
    QueueFull { reason: &'static str, retry_after: Duration },
    /// The model cannot answer now, whatever it is asked.
    #[error("{reason}")]
    Unavailable { reason: String, retry_after: Duration },
    /// Nothing is begun here any more, with whichever model.
    #[error("the server is shutting down")]
    ShuttingDown { retry_after: Duration },
    /// What was begun here is not ended any more.
    #[error("the server is shutting down")]
    CutOff { retry_after: Duration },
    /// Whose request it is, or what is left to them, cannot be found out now.
    #[error("{reason}")]
    AccountsDown { reason: String, retry_after: Duration },
    #[error("the server behind this model failed: {reason}")]
    Upstream { reason: String },
    /// The server behind the model refused the request, in its own words.
    #[error("{}", if message.is_empty() { "the server behind this model refused the request" } else { message })]
    Refused { kind: Kind, parameter: Option<String>, message: String },
    /// What the model wrote is not what it had to be, however often it was asked.
    #[error("none of {attempts} attempts passed; of the last: {reason}")]
    InvalidOutput { reason: String, attempts: u32 },
    /// Sent on once more, it would come back here.
    #[error("the request goes in a circle: {reason}")]
    Loop { reason: &'static str },
    #[error("no answer within {} s", after.as_secs())]
    Timeout { after: Duration },
    /// Logged where it is made into an answer, never sent.
    #[error("{reason}")]
    Internal { reason: String },
}

/// Enough of a name to know it by. A client may send megabytes of it, and should not get them back.
fn shortened(name: &str) -> &str {
    name.char_indices().nth(100).map_or(name, |(end, _)| &name[..end])
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// What sort of refusal it is; the only thing that the table of statuses looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Invalid,
    Unsupported,
    ContextLength,
    NotFound,
    Unauthorized,
    Forbidden,
    RateLimited,
    QuotaSpent,
    QueueFull,
    Unavailable,
    InvalidOutput,
    Upstream,
    Loop,
    Timeout,
    Internal,
}

impl Error {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } | Self::OutOfRange { .. } => Kind::Invalid,
            Self::Unsupported { .. } => Kind::Unsupported,
            Self::ContextLength { .. } | Self::TooLong { .. } => Kind::ContextLength,
            Self::UnknownModel { .. } | Self::UnknownAdapter { .. } => Kind::NotFound,
            Self::Unauthorized => Kind::Unauthorized,
            Self::Forbidden { .. } => Kind::Forbidden,
            Self::RateLimited { .. } => Kind::RateLimited,
            Self::QuotaSpent { .. } => Kind::QuotaSpent,
            Self::QueueFull { .. } => Kind::QueueFull,
            Self::Unavailable { .. } | Self::ShuttingDown { .. } | Self::CutOff { .. } | Self::AccountsDown { .. } => {
                Kind::Unavailable
            }
            Self::InvalidOutput { .. } => Kind::InvalidOutput,
            Self::Upstream { .. } => Kind::Upstream,
            Self::Refused { kind, .. } => *kind,
            Self::Loop { .. } => Kind::Loop,
            Self::Timeout { .. } => Kind::Timeout,
            Self::Internal { .. } => Kind::Internal,
        }
    }

    /// The request's field that is to blame, where one is.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Invalid { parameter, .. }
            | Self::OutOfRange { parameter, .. }
            | Self::Unsupported { parameter, .. }
            | Self::ContextLength { parameter, .. }
            | Self::TooLong { parameter, .. }
            | Self::UnknownModel { parameter, .. }
            | Self::UnknownAdapter { parameter, .. } => Some(parameter),
            Self::Refused { parameter, .. } => parameter.as_deref(),
            _ => None,
        }
    }

    /// The value and its bound, where a bound was broken.
    pub const fn out_of(&self) -> Option<&OutOfRange> {
        match self {
            Self::OutOfRange { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The same, with the blamed parameter under the name that the client knows it by.
    #[must_use]
    pub fn renamed(mut self, name: impl FnOnce(&str) -> String) -> Self {
        match &mut self {
            Self::Invalid { parameter, .. }
            | Self::OutOfRange { parameter, .. }
            | Self::Unsupported { parameter, .. }
            | Self::ContextLength { parameter, .. }
            | Self::TooLong { parameter, .. }
            | Self::UnknownModel { parameter, .. }
            | Self::UnknownAdapter { parameter, .. }
            | Self::Refused { parameter: Some(parameter), .. } => *parameter = name(parameter),
            _ => {}
        }
        self
    }

    /// When to try again, where that can help.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::QuotaSpent { retry_after, .. }
            | Self::QueueFull { retry_after, .. }
            | Self::Unavailable { retry_after, .. }
            | Self::ShuttingDown { retry_after }
            | Self::CutOff { retry_after }
            | Self::AccountsDown { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// It says that the model cannot answer now, whatever it was asked: another one might.
    pub const fn is_its_models(&self) -> bool {
        let its = matches!(self, Self::Upstream { .. } | Self::Timeout { .. } | Self::Unavailable { .. });
        its || matches!(self, Self::QueueFull { .. })
    }

    /// Messages are whatever can be shown, so that causes can be handed over as they are (`map_err(Error::internal)`).
    #[expect(clippy::needless_pass_by_value, reason = "the constructors are used as functions from an error")]
    pub fn invalid(parameter: impl Into<String>, message: impl ToString) -> Self {
        Self::Invalid { parameter: parameter.into(), message: message.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "as `invalid`")]
    pub fn unsupported(parameter: impl Into<String>, message: impl ToString) -> Self {
        Self::Unsupported { parameter: parameter.into(), message: message.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "as `invalid`")]
    pub fn internal(reason: impl ToString) -> Self {
        Self::Internal { reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_model_is_of_use_where_this_one_is_to_blame() {
        let (reason, retry_after) = (String::new(), Duration::ZERO);
        let unavailable = Error::Unavailable { reason: reason.clone(), retry_after };
        let ends = [Error::ShuttingDown { retry_after }, Error::CutOff { retry_after }];
        let others = ends.into_iter().chain([Error::AccountsDown { reason: reason.clone(), retry_after }]);
        assert!(unavailable.is_its_models() && Error::Upstream { reason }.is_its_models());
        for error in others {
            assert_eq!((error.kind(), error.is_its_models()), (unavailable.kind(), false));
        }
        assert!(!Error::Loop { reason: "" }.is_its_models() && !Error::Unauthorized.is_its_models());
    }

    #[test]
    fn a_long_name_is_not_sent_back_whole() {
        let (parameter, model) = ("model".into(), "é".repeat(5000));
        let unknown = Error::UnknownModel { parameter, model, known: vec!["demo".into()] };
        let expected = format!("the model {:?} does not exist; there are: demo", "é".repeat(100));
        assert_eq!(unknown.to_string(), expected);
    }
}
