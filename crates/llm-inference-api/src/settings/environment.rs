//! The environment, as it was found: the one place that reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::later::Beyond;
use super::names::{self, Names, Values};

/// Everything that is set, by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// A setting's variable, or an alias of it, that is set.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) names: &'static Names,
    /// The name that is set, and the value.
    pub(crate) set: Option<(&'static str, String)>,
}

/// Every variable that this version acts on.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) values: Values<Variable>,
    /// What is set for later versions, or misspelt.
    pub(crate) beyond: Beyond,
    /// Where programs of this user keep what they have to remember.
    pub(crate) data_home: PathBuf,
    /// Where they keep what they can get again.
    pub(crate) cache_home: PathBuf,
}

/// The process's own.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(crate) fn of_process() -> Variables {
    // A value that is not UTF-8 is shown with its broken parts replaced, and fails to parse like any other.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect()
}

/// A variable that is set to nothing counts as not set: that is how a compose file or a shell takes one back.
pub(crate) fn set<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
}

impl Environment {
    /// Takes what it knows from `variables`.
    pub(crate) fn from_map(variables: &Variables) -> Self {
        let take = |names: &'static Names| {
            let set = names.variables.iter().find_map(|name| Some((*name, set(variables, name)?.to_owned())));
            Variable { names, set }
        };
        let known: Vec<&str> = names::all().iter().flat_map(|names| names.variables.iter().copied()).collect();
        Self {
            values: Values::take(take),
            beyond: Beyond::take(variables, &known),
            data_home: home(variables, "XDG_DATA_HOME", ".local/share"),
            cache_home: home(variables, "XDG_CACHE_HOME", ".cache"),
        }
    }
}

/// As the XDG base directory specification has it; the working directory for a user without a home.
fn home(variables: &Variables, name: &str, below_home: &str) -> PathBuf {
    let home = || Some(PathBuf::from(set(variables, "HOME")?).join(below_home));
    set(variables, name).map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home).unwrap_or_default()
}
