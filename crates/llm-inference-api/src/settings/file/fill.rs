//! `${NAME}` in a value: the variable of this name. `$${` is `${` itself. It is done after the file was parsed, so that what a
//! variable holds is a value and never more YAML.

use crate::settings::environment::{self, Variables};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) text: String,
    /// Whether a variable was put in.
    pub(super) filled: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// The variable is not set, or set to nothing.
    NotSet(String),
    /// What follows `${` is no name with a `}`.
    NoVariable,
}

pub(super) fn fill(text: &str, variables: &Variables) -> Result<Filled, Unfilled> {
    let mut filled = Filled { text: String::with_capacity(text.len()), filled: false };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            filled.text.push_str(before);
            filled.text.push_str("${");
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').filter(|(name, _)| is_name(name)).ok_or(Unfilled::NoVariable)?;
        filled.text.push_str(before);
        filled.text.push_str(environment::set(variables, name).ok_or_else(|| Unfilled::NotSet(name.to_owned()))?);
        filled.filled = true;
        rest = after;
    }
    filled.text.push_str(rest);
    Ok(filled)
}

fn is_name(text: &str) -> bool {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(part_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Unfilled> {
        let variables = [("A", "one"), ("B_2", "${A}"), ("EMPTY", " ")].map(|(name, value)| (name.into(), value.into()));
        fill(text, &variables.into()).map(|filled| filled.text)
    }

    #[test]
    fn variables_stand_in_for_their_values() {
        assert_eq!(filled("${A}"), Ok("one".into()));
        assert_eq!(filled("http://${A}:${A}/"), Ok("http://one:one/".into()));
        assert_eq!(filled("$A costs 5$ {A}"), Ok("$A costs 5$ {A}".into()));
    }

    #[test]
    fn what_a_variable_holds_is_not_filled_again() {
        assert_eq!(filled("${B_2}"), Ok("${A}".into()));
    }

    #[test]
    fn two_dollars_are_one_and_no_variable() {
        assert_eq!(filled("$${A} ${A} $${"), Ok("${A} one ${".into()));
    }

    #[test]
    fn what_is_no_variable_or_not_set_is_refused() {
        assert_eq!(filled("${C}"), Err(Unfilled::NotSet("C".into())));
        assert_eq!(filled("${EMPTY}"), Err(Unfilled::NotSet("EMPTY".into())));
        for text in ["${", "${A", "${}", "${A:-b}", "${2A}", "${A B}"] {
            assert_eq!(filled(text), Err(Unfilled::NoVariable), "{text}");
        }
    }
}
