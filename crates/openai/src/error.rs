//! What can be wrong with a request before any model is asked.

use std::borrow::Cow;

use backend::{Kind, OutOfRange};
use thiserror::Error;

use crate::plain::short;

/// Every text may be shown to the client, and each names the field that is to blame.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    #[error("the body is not valid JSON: {message}")]
    Syntax { message: String },
    #[error("the body must be a JSON object")]
    NotAnObject,
    #[error("{field}: {message}")]
    /// `wrong` says what was found in the place of what, where both are known.
    Type { field: String, message: String, wrong: Option<OutOfRange> },
    #[error("{field} is required")]
    Missing { field: String },
    #[error("there is no parameter {field}")]
    Unknown { field: String },
    #[error("{field} {reason}")]
    OutOfRange { field: String, reason: OutOfRange },
    #[error("{field} {message}")]
    Invalid { field: String, message: String },
    #[error("{parameter} is not supported: {message}")]
    Unsupported { parameter: String, message: String },
}

impl Error {
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { field: short(&field.into()), message: message.into() }
    }

    pub fn missing(field: impl Into<String>) -> Self {
        Self::Missing { field: short(&field.into()) }
    }

    pub fn unsupported(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unsupported { parameter: short(&parameter.into()), message: message.into() }
    }

    pub fn out_of_range(field: impl Into<String>, value: impl Into<String>, bound: impl Into<Cow<'static, str>>) -> Self {
        Self::OutOfRange { field: short(&field.into()), reason: OutOfRange::new(short(&value.into()), bound) }
    }

    /// The same, with the blamed field under the name that the client knows it by.
    #[must_use]
    pub fn renamed(mut self, name: impl FnOnce(&str) -> String) -> Self {
        match &mut self {
            Self::Syntax { .. } | Self::NotAnObject => {}
            Self::Type { field, .. }
            | Self::Missing { field }
            | Self::Unknown { field }
            | Self::OutOfRange { field, .. }
            | Self::Invalid { field, .. }
            | Self::Unsupported { parameter: field, .. } => *field = name(field),
        }
        self
    }

    pub const fn kind(&self) -> Kind {
        match self {
            Self::Unsupported { .. } => Kind::Unsupported,
            _ => Kind::Invalid,
        }
    }

    /// OpenAI's `code`, where it has one for this.
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { .. } | Self::NotAnObject => None,
            Self::Type { .. } => Some("invalid_type"),
            Self::Missing { .. } => Some("missing_required_parameter"),
            Self::Unknown { .. } => Some("unknown_parameter"),
            Self::OutOfRange { .. } | Self::Invalid { .. } => Some("invalid_value"),
            Self::Unsupported { .. } => Some("unsupported_parameter"),
        }
    }

    /// The request's field that is to blame: `temperature`, `messages[0].content`.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Syntax { .. } | Self::NotAnObject => None,
            Self::Type { field, .. }
            | Self::Missing { field }
            | Self::Unknown { field }
            | Self::OutOfRange { field, .. }
            | Self::Invalid { field, .. } => Some(field),
            Self::Unsupported { parameter, .. } => Some(parameter),
        }
    }

    /// The value and its bound, where a bound was broken or the value is of another type.
    pub const fn out_of(&self) -> Option<&OutOfRange> {
        match self {
            Self::OutOfRange { reason, .. } => Some(reason),
            Self::Type { wrong, .. } => wrong.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_comes_back_in_short() {
        let long = || "x".repeat(1 << 20);
        let errors = [
            Error::invalid(long(), "is no field"),
            Error::missing(long()),
            Error::unsupported(long(), "leave it out"),
            Error::out_of_range("role", long(), "user or assistant"),
        ];
        for error in errors {
            assert!(error.to_string().len() < 300, "{} bytes", error.to_string().len());
        }
    }
}
