//! Why there is no answer, and the one table that gives each reason its status and its names.

use axum::http::StatusCode;
use axum::http::StatusCode as Status;
use axum::response::{IntoResponse, Response};
use backend::Kind;
use serde_json::{Value, json};
use serving::{Refused, Unscored};
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug)]
pub(crate) enum Error {
    /// The request is not one.
    Request(openai::Error),
    /// It is, and has no answer.
    Backend(backend::Error),
    NoRoute {
        method: String,
        path: String,
    },
    MethodNotAllowed {
        method: String,
        path: String,
    },
    /// There is no such scorer, or it does not know the model.
    Unscored(Unscored),
    /// There is no answer of this name that whoever asks could rate.
    NothingToRate {
        id: String,
        /// Whether answers are kept at all.
        kept: bool,
    },
    /// Adapters are loaded at run time only below a root that is set.
    NoAdapterRoot,
    UnsupportedMediaType,
    PayloadTooLarge {
        limit: usize,
    },
    /// The body broke off, or did not arrive in time.
    BodyUnreadable {
        reason: String,
    },
    /// Only bodies that are sent as they are can be read.
    ContentEncoding,
    /// More bytes than that.
    TargetTooLong {
        limit: usize,
    },
    HeadersTooLarge {
        limit: usize,
        unit: &'static str,
    },
    /// The server is not to be asked by this name.
    UntrustedHost {
        host: String,
    },
    /// HTTP/1.1 wants to know whom a request is for.
    NoHost,
    /// A request in which two of it are one too many.
    HeaderTwice {
        name: &'static str,
    },
    /// One in `Authorization`, and another one in `x-api-key`.
    TwoKeys,
    /// The port is for HTTPS, and the request came without TLS.
    PlainHttp,
    /// A handler panicked.
    Panic,
}

/// What the outside sees of a reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    /// `error` in our own body.
    pub(crate) name: &'static str,
    /// `type` and `code` in OpenAI's.
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

const fn row(status: StatusCode, name: &'static str, kind: &'static str, code: Option<&'static str>) -> Row {
    Row { status, name, kind, code }
}

impl Error {
    /// The table.
    pub(crate) const fn row(&self) -> Row {
        let code = self.row_of_kind();
        match self {
            Self::Request(error) => Row { code: error.code(), ..code },
            _ => code,
        }
    }

    const fn row_of_kind(&self) -> Row {
        match self {
            Self::Request(error) => Self::of(error.kind()),
            Self::Unscored(_) => row(Status::NOT_FOUND, "not_found", INVALID, Some("scorer_not_found")),
            Self::Backend(error) => Self::of(error.kind()),
            Self::NoRoute { .. } => row(Status::NOT_FOUND, "not_found", INVALID, Some("unknown_url")),
            Self::MethodNotAllowed { .. } => {
                row(Status::METHOD_NOT_ALLOWED, "method_not_allowed", INVALID, Some("method_not_supported"))
            }
            Self::NothingToRate { .. } => row(Status::NOT_FOUND, "not_found", INVALID, Some("response_not_found")),
            Self::NoAdapterRoot => row(Status::FORBIDDEN, "forbidden", "permission_error", Some("forbidden")),
            Self::UnsupportedMediaType | Self::ContentEncoding => {
                let name = "unsupported_media_type";
                row(Status::UNSUPPORTED_MEDIA_TYPE, name, INVALID, Some(name))
            }
            Self::PayloadTooLarge { .. } => {
                row(Status::PAYLOAD_TOO_LARGE, "payload_too_large", INVALID, Some("payload_too_large"))
            }
            Self::TargetTooLong { .. } => row(Status::URI_TOO_LONG, "validation_error", INVALID, Some("uri_too_long")),
            Self::HeadersTooLarge { .. } => {
                let code = Some("headers_too_large");
                row(Status::REQUEST_HEADER_FIELDS_TOO_LARGE, "validation_error", INVALID, code)
            }
            Self::UntrustedHost { .. } => row(Status::BAD_REQUEST, "validation_error", INVALID, Some("untrusted_host")),
            Self::BodyUnreadable { .. } | Self::NoHost | Self::HeaderTwice { .. } | Self::TwoKeys | Self::PlainHttp => {
                row(Status::BAD_REQUEST, "validation_error", INVALID, None)
            }
            Self::Panic => Self::of(Kind::Internal),
        }
    }

    const fn of(kind: Kind) -> Row {
        match kind {
            Kind::Invalid => row(Status::BAD_REQUEST, "validation_error", INVALID, Some("invalid_value")),
            Kind::Unsupported => row(Status::BAD_REQUEST, "validation_error", INVALID, Some("unsupported_parameter")),
            Kind::ContextLength => row(Status::BAD_REQUEST, "validation_error", INVALID, Some("context_length_exceeded")),
            Kind::NotFound => row(Status::NOT_FOUND, "not_found", INVALID, Some("model_not_found")),
            Kind::Unauthorized => row(Status::UNAUTHORIZED, "unauthorized", INVALID, Some("invalid_api_key")),
            Kind::Forbidden => row(Status::FORBIDDEN, "forbidden", "permission_error", Some("forbidden")),
            Kind::RateLimited => {
                let name = "rate_limit_exceeded";
                row(Status::TOO_MANY_REQUESTS, name, "rate_limit_error", Some(name))
            }
            Kind::QuotaSpent => {
                let name = "insufficient_quota";
                row(Status::TOO_MANY_REQUESTS, name, name, Some(name))
            }
            Kind::QueueFull => row(Status::TOO_MANY_REQUESTS, "queue_full", "rate_limit_error", Some("queue_full")),
            Kind::Unavailable => {
                row(Status::SERVICE_UNAVAILABLE, "service_unavailable", SERVER, Some("service_unavailable"))
            }
            Kind::InvalidOutput => {
                row(Status::UNPROCESSABLE_ENTITY, "invalid_model_output", SERVER, Some("invalid_model_output"))
            }
            Kind::Upstream => row(Status::BAD_GATEWAY, "upstream_error", SERVER, Some("upstream_error")),
            Kind::Loop => row(Status::LOOP_DETECTED, "loop_detected", SERVER, Some("loop_detected")),
            Kind::Timeout => row(Status::GATEWAY_TIMEOUT, "gateway_timeout", SERVER, Some("gateway_timeout")),
            Kind::Internal => {
                let name = "internal_server_error";
                row(Status::INTERNAL_SERVER_ERROR, name, SERVER, Some(name))
            }
        }
    }

    /// For the client. A bug's own text stays inside.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Backend(backend::Error::Internal { .. }) | Self::Panic => {
                "the server has failed; the request id leads to what it logged".into()
            }
            Self::Request(error) => error.to_string(),
            Self::Backend(error) => error.to_string(),
            Self::NoRoute { method, path } => {
                let hint = without_needless_slashes(path).map_or(String::new(), |path| format!("; did you mean {path}?"));
                format!("there is nothing at {method} {path:.200}{hint:.200}")
            }
            Self::MethodNotAllowed { method, path } => format!("{path} does not take {method}"),
            Self::Unscored(error) => error.to_string(),
            Self::NothingToRate { id, kept: true } => format!("there is no answer {id:.100?} of yours that is kept"),
            Self::NothingToRate { kept: false, .. } => "this server keeps no answers that could be rated".into(),
            Self::NoAdapterRoot => "this server loads no adapters by path: it has no adapter root".into(),
            Self::UnsupportedMediaType => "the body must be sent as content-type: application/json".into(),
            Self::PayloadTooLarge { limit } => format!("the body is larger than {limit} bytes"),
            Self::ContentEncoding => {
                "the body must be sent as it is, without a content-encoding or a transfer-encoding other than chunked".into()
            }
            Self::TargetTooLong { limit } => format!("the path and query are longer than {limit} bytes"),
            Self::HeadersTooLarge { limit, unit } => format!("the request has more than {limit} {unit}"),
            Self::UntrustedHost { host } => format!("this server does not answer to the host {host:?}"),
            Self::NoHost => "the header host is missing".into(),
            Self::HeaderTwice { name } => format!("the header {name} was sent twice"),
            Self::TwoKeys => "the headers authorization and x-api-key hold two keys, of which only one can count".into(),
            Self::PlainHttp => "this port speaks HTTPS; ask for https:// instead of http://".into(),
            Self::BodyUnreadable { reason } => format!("the body could not be read: {reason}"),
        }
    }

    /// For the log, if this is a bug of ours that is not in it yet: a panic is, with its place.
    pub(crate) fn bug(&self) -> Option<&str> {
        match self {
            Self::Backend(backend::Error::Internal { reason }) => Some(reason),
            _ => None,
        }
    }

    /// Whether it is because nothing is begun here any more.
    pub(crate) const fn is_drained(&self) -> bool {
        matches!(self, Self::Backend(backend::Error::ShuttingDown { .. }))
    }

    /// Whether trying again soon is of no use, although the status suggests it.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Backend(backend::Error::QuotaSpent { .. }))
    }

    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Self::Request(error) => error.parameter(),
            Self::Backend(error) => error.parameter(),
            Self::Unscored(Unscored::UnknownModel { .. }) => Some("models_to_score"),
            Self::Unscored(_) => Some("model"),
            Self::NothingToRate { .. } => Some("response_id"),
            _ => None,
        }
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Backend(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The same, with the blamed parameter under the name that the client knows it by.
    pub(crate) fn renamed(self, name: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Request(error) => Self::Request(error.renamed(name)),
            Self::Backend(error) => Self::Backend(error.renamed(name)),
            other => other,
        }
    }

    /// The numbers behind a refusal, for a program to read.
    pub(crate) fn details(&self) -> Value {
        let out_of = match self {
            Self::Request(error) => error.out_of(),
            Self::Backend(error) => error.out_of(),
            _ => None,
        };
        match (self, self.parameter(), out_of) {
            (Self::Backend(backend::Error::ContextLength { parameter, context, prompt, completion }), ..) => {
                json!({"field": parameter, "context": context, "prompt": prompt, "completion": completion})
            }
            (Self::Backend(backend::Error::TooLong { context, bytes, .. }), ..) => {
                json!({"context": context, "bytes": bytes})
            }
            (_, Some(field), Some(reason)) => json!({"field": field, "value": reason.value, "bound": reason.bound}),
            (_, Some(field), None) => json!({ "field": field }),
            _ => json!({}),
        }
    }
}

/// Clients that put a base URL and a path together often get one slash too many.
fn without_needless_slashes(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let tidy = format!("/{}", segments.join("/"));
    (tidy != path).then_some(tidy)
}

impl From<openai::Error> for Error {
    fn from(error: openai::Error) -> Self {
        Self::Request(error)
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        Self::Backend(error)
    }
}

/// As what a model has refused, where another one may be asked.
impl From<Error> for backend::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Backend(error) => error,
            other => Self::invalid(other.parameter().unwrap_or("body"), other.message()),
        }
    }
}

impl From<Unscored> for Error {
    fn from(unscored: Unscored) -> Self {
        match unscored {
            Unscored::Refused(reason) => Self::Backend(reason),
            unknown => Self::Unscored(unknown),
        }
    }
}

/// Where it does not matter which of several it was.
impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Backend(refused.error)
    }
}

/// Which body an error gets depends on the path, which is not known here: `middleware::refuse` writes it.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.row().status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
