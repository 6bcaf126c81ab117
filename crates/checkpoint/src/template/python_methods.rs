//! Methods of Python's strings and dictionaries that templates call: minijinja's own collection, and those it lacks.

use minijinja::value::{Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

pub(super) fn call(state: &mut State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match value.as_str() {
        Some(text) if is_ours(method) => on_text(text, method, arguments),
        _ => unknown_method_callback(state, value, method, arguments),
    }
}

fn is_ours(method: &str) -> bool {
    matches!(method, "removeprefix" | "removesuffix" | "rsplit" | "partition" | "rpartition" | "index" | "split")
}

fn on_text(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match method {
        "split" | "rsplit" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(arguments)?;
            let most = most.and_then(|most| usize::try_from(most).ok());
            Ok(split(text, separator, most, method == "rsplit")?.into_iter().map(Value::from).collect())
        }
        _ => {
            let (part,): (&str,) = from_args(arguments)?;
            with_part(text, part, method)
        }
    }
}

fn with_part(text: &str, part: &str, method: &str) -> Result<Value, Error> {
    Ok(match method {
        "removeprefix" => text.strip_prefix(part).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(part).unwrap_or(text).into(),
        "partition" => match text.split_once(part) {
            Some((before, after)) => three(before, part, after),
            None => three(text, "", ""),
        },
        "rpartition" => match text.rsplit_once(part) {
            Some((before, after)) => three(before, part, after),
            None => three("", "", text),
        },
        _ => match text.find(part) {
            Some(place) => text[..place].chars().count().into(),
            None => return Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
        },
    })
}

fn three(before: &str, part: &str, after: &str) -> Value {
    Tuple::from([before, part, after].map(Value::from)).into()
}

/// At most `most` cuts, from the right or from the left; without a separator, at runs of spaces.
fn split<'t>(text: &'t str, separator: Option<&str>, most: Option<usize>, right: bool) -> Result<Vec<&'t str>, Error> {
    if separator == Some("") {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    let mut parts = Vec::new();
    let mut rest = if separator.is_none() { text.trim() } else { text };
    while most.is_none_or(|most| parts.len() < most) {
        let cut = match separator {
            Some(separator) if right => rest.rsplit_once(separator),
            Some(separator) => rest.split_once(separator),
            None if right => rest.rsplit_once(char::is_whitespace).map(|(before, after)| (before.trim_end(), after)),
            None => rest.split_once(char::is_whitespace).map(|(before, after)| (before, after.trim_start())),
        };
        let Some((before, after)) = cut else { break };
        parts.push(if right { after } else { before });
        rest = if right { before } else { after };
    }
    if separator.is_some() || !rest.is_empty() {
        parts.push(rest);
    }
    if right {
        parts.reverse();
    }
    Ok(parts)
}
