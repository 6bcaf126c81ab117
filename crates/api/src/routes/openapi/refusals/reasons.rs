//! One of each refusal that there is, under what brings it about.

use std::time::Duration;

use backend::Error as Reason;
use serving::Unscored;

use crate::answer::Error;

const A_MOMENT: Duration = Duration::from_secs(1);

/// Whatever is asked.
pub(super) fn everywhere() -> Vec<Error> {
    vec![
        Error::NoHost,
        Error::HeaderTwice { name: "host" },
        Error::UntrustedHost { host: "example.com".into() },
        Error::ContentEncoding,
        Error::TargetTooLong { limit: 8192 },
        Error::HeadersTooLarge { limit: 100, unit: "headers" },
        Error::Panic,
    ]
}

/// Where a key is asked for.
pub(super) fn with_key() -> Vec<Error> {
    let reasons = [
        Reason::Unauthorized,
        Reason::RateLimited { reason: "too many requests from this address".into(), retry_after: A_MOMENT },
        Reason::AccountsDown { reason: "keys cannot be looked up just now".into(), retry_after: Duration::from_secs(5) },
    ];
    reasons.map(Error::Backend).into()
}

/// Where the key has to be an admin's.
pub(super) fn not_an_admin() -> Error {
    Error::Backend(Reason::Forbidden { reason: "this needs a key of the role admin".into() })
}

/// Where there is a body.
pub(super) fn with_body() -> Vec<Error> {
    let wrong_type = "invalid type: integer `1`, expected a string".into();
    let wrong = [
        openai::Error::Syntax { message: "expected `:` at line 1 column 9".into() },
        openai::Error::Type { field: "prompt".into(), message: wrong_type, wrong: None },
        openai::Error::missing("prompt"),
        openai::Error::Unknown { field: "max_tokns".into() },
        openai::Error::out_of_range("temperature", "3", "between 0 and 2"),
        openai::Error::unsupported("tools", "leave it out"),
    ];
    let unread = [Error::UnsupportedMediaType, Error::PayloadTooLarge { limit: 10 * 1024 * 1024 }];
    wrong.map(Error::Request).into_iter().chain(unread).collect()
}

/// Where a model is asked.
pub(super) fn with_model() -> Vec<Error> {
    let reasons = [
        forbidden_model(),
        Reason::ContextLength { parameter: "prompt".into(), context: 2048, prompt: 2000, completion: 512 },
        unknown_model(),
        quota_spent(),
        queue_full(),
        unavailable(),
        Reason::Upstream { reason: "it answered with status 500".into() },
        Reason::Loop { reason: "it has come back to a server that has sent it on" },
        Reason::Timeout { after: Duration::from_mins(1) },
    ];
    reasons.map(Error::Backend).into()
}

/// What an operation names as its own, in place of a description.
pub(super) fn particular() -> [(&'static str, Error); 15] {
    let no_sql = "sql parser error: Expected: an SQL statement, found: I at Line: 1, Column: 1".into();
    [
        ("forbidden_model", Error::Backend(forbidden_model())),
        ("model_not_found", Error::Backend(unknown_model())),
        ("service_unavailable", Error::Backend(unavailable())),
        ("invalid_model_output", Error::Backend(Reason::InvalidOutput { reason: no_sql, attempts: 3 })),
        ("unknown_url", Error::NoRoute { method: "GET".into(), path: "/docs/logo.svg".into() }),
        ("nothing_to_score", Error::Unscored(Unscored::UnknownScorer { scorer: "elo/mine".into(), known: scorers() })),
        ("nothing_to_score", Error::Unscored(unscored_model())),
        ("nothing_to_rate", Error::NothingToRate { id: "chatcmpl-1".into(), kept: true }),
        ("feedback_is_limited", Error::Backend(queue_full())),
        ("scoring_is_limited", Error::Backend(quota_spent())),
        ("scoring_is_limited", Error::Backend(queue_full())),
        ("no_adapter_root", Error::NoAdapterRoot),
        ("adapter_not_found", Error::Backend(unknown_adapter())),
        ("runs_elsewhere", Error::Backend(runs_elsewhere())),
        ("not_reloaded", Error::Backend(not_reloaded())),
    ]
}

fn forbidden_model() -> Reason {
    Reason::Forbidden { reason: "this key may not ask the model \"demo\"".into() }
}

fn runs_elsewhere() -> Reason {
    Reason::unsupported("model", "the model \"demo\" runs on other servers; they load it")
}

fn not_reloaded() -> Reason {
    let reason = "no newer version of the model \"demo\" can be had".into();
    Reason::Unavailable { reason, retry_after: Duration::from_secs(5) }
}

fn unknown_model() -> Reason {
    Reason::UnknownModel { parameter: "model".into(), model: "gpt-2".into(), known: vec!["demo".into()] }
}

fn quota_spent() -> Reason {
    Reason::QuotaSpent { reason: "the tokens of this day are spent".into(), retry_after: Duration::from_hours(1) }
}

fn queue_full() -> Reason {
    Reason::QueueFull { reason: "the queue is full", retry_after: A_MOMENT }
}

fn scorers() -> Vec<String> {
    vec!["dense_network/example".into()]
}

fn unscored_model() -> Unscored {
    Unscored::UnknownModel { model: "gpt-2".into(), known: vec!["large".into(), "small".into()] }
}

fn unknown_adapter() -> Reason {
    Reason::UnknownAdapter { parameter: "lora_name".into(), adapter: "medical".into(), known: vec!["legal".into()] }
}

fn unavailable() -> Reason {
    Reason::Unavailable { reason: "the model is being loaded".into(), retry_after: A_MOMENT }
}
