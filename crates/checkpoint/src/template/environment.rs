//! The language that templates are written in: Jinja as transformers sets it up.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Rest;
use minijinja::{Environment, ErrorKind, Value};

use super::error::Raised;
use super::{Error, Result, generation_blocks, json, python_methods};

/// The largest template in use has some 30 kB.
const LONGEST_TEMPLATE: usize = 1 << 20;
/// Steps of one rendering: some hundred for each message, and seconds of work at the most.
const FUEL: u64 = 10_000_000;
const DEEPEST_RECURSION: usize = 100;

pub(super) fn new() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEEPEST_RECURSION);
    environment.set_unknown_method_callback(python_methods::call);
    environment.add_filter("tojson", json::tojson);
    environment.add_function("raise_exception", raise_exception);
    environment
}

/// Adds a template under a name, and says what in it is wrong.
pub(super) fn add(environment: &mut Environment<'static>, source_name: &str, name: &'static str, text: &str) -> Result<()> {
    if text.len() > LONGEST_TEMPLATE {
        let source_name = source_name.to_owned();
        return Err(Error::TooLong { source_name, found: text.len(), limit: LONGEST_TEMPLATE });
    }
    let text = generation_blocks::replace(text).into_owned();
    environment.add_template_owned(name, text).map_err(|error| Error::syntax(source_name, &error))
}

fn raise_exception(message: &str) -> Result<Value, minijinja::Error> {
    let raised = Raised(message.to_owned());
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message.to_owned()).with_source(raised))
}

/// The function of that name, at one moment.
pub(super) fn strftime_now(now: SystemTime) -> Value {
    Value::from_function(move |format: &str, _rest: Rest<Value>| {
        let failed = |error: jiff::Error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string());
        let now = Timestamp::try_from(now).map_err(failed)?.to_zoned(TimeZone::UTC);
        jiff::fmt::strtime::format(format, &now).map_err(failed)
    })
}
