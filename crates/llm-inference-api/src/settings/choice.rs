//! Which of the sources of one value counts.

use super::environment::Variable;
use super::file::{Entry, FileProblem, Written};
use super::parse::Expected;
use super::problem::Problem;
use super::types::{Origin, Setting};
use accounts::Secret;

/// What was written of one setting, but for the command line.
pub(super) type Said = (Variable, Entry);

/// Chooses between the sources of one value after the other, and remembers what was wrong with them.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) problems: Vec<Problem>,
}

impl Choice {
    /// What counts less is read even if something goes before it: a mistake in it would come to light at the worst time.
    pub(super) fn of<T>(
        &mut self,
        argument: Option<T>,
        said: Said,
        parse: impl Fn(&str) -> Result<T, Expected>,
        default: T,
    ) -> Setting<T> {
        self.told(argument, said, parse, default, without_password)
    }

    /// One whose text no message quotes; that of a flag is looked at here and not before.
    pub(super) fn secret(
        &mut self,
        argument: Option<Secret>,
        said: Said,
        parse: impl Fn(&str) -> Result<Secret, Expected>,
    ) -> Setting<Option<Secret>> {
        let hidden = |_: &str| "…".to_owned();
        let typed = argument.and_then(|text| match parse(text.reveal()) {
            Ok(secret) => Some(Some(secret)),
            Err(expected) => {
                let (variable, value) = (said.0.names.flag, hidden(""));
                self.problems.push(Problem::Unreadable { variable, value, expected });
                None
            }
        });
        self.told(typed, said, |text| parse(text).map(Some), None, hidden)
    }

    fn told<T>(
        &mut self,
        argument: Option<T>,
        (variable, entry): Said,
        parse: impl Fn(&str) -> Result<T, Expected>,
        default: T,
        quoted: fn(&str) -> String,
    ) -> Setting<T> {
        let Variable { names, set } = variable;
        let from_file = entry.set.and_then(|written| self.written(names.key.unwrap_or_default(), written, &parse, quoted));
        let from_environment = set.and_then(|(variable, value)| match parse(&value) {
            Ok(value) => Some((value, Origin::Environment(variable))),
            Err(expected) => {
                let value = quoted(&value);
                self.problems.push(Problem::Unreadable { variable, value, expected });
                None
            }
        });
        let from_command_line = argument.map(|value| (value, Origin::CommandLine(names.flag)));
        let (value, origin) = from_command_line.or(from_environment).or(from_file).unwrap_or((default, Origin::Default));
        Setting { value, origin, names }
    }

    fn written<T>(
        &mut self,
        key: &'static str,
        Written { place, text }: Written,
        parse: impl Fn(&str) -> Result<T, Expected>,
        quoted: fn(&str) -> String,
    ) -> Option<(T, Origin)> {
        match text.parse(parse) {
            Ok(value) => return Some((value, Origin::File(place))),
            Err((found, expected)) => {
                let found = quoted(&found);
                self.problems.push(FileProblem::Wrong { place, key, found, expected }.into());
            }
        }
        None
    }
}

/// An address without the name and password in it: it may be refused because it has them, and is shown.
fn without_password(text: &str) -> String {
    let hidden = text.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://…@{host}"))
    });
    hidden.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("https://me:p@ss@mirror/x"), "https://…@mirror/x");
        assert_eq!(without_password("me@there"), "me@there");
    }
}
