//! The file, as it was written: YAML, of which every key is known. A key that is not, or a value that this version could only
//! ignore, stops the start.

mod adapters;
mod catalogue;
mod fill;
mod keys;
mod organizations;
mod problem;
mod remote;
mod route;
mod yaml;

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::{Listed, Organization};

use super::environment::{self, Variables};
use super::names::{CONFIG, Names, Values};
use super::parse::Expected;
use super::types::{DeclaredModel, DeclaredRoute, Origin, Setting};

pub(crate) use catalogue::FIELDS;
pub(crate) use organizations::ORGANIZATION;
pub(crate) use problem::FileProblem;

/// What is read where nobody names a file, if it is there.
pub(crate) const IN_WORKING_DIRECTORY: &str = "serving_config.yaml";

/// Longer files are something else.
const LONGEST: u64 = 1 << 20;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    /// From 1; 0 where it is not a line that says it, but a variable or a flag in the place of the file.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line } = self;
        if *line == 0 { formatter.write_str(file) } else { write!(formatter, "{file}:{line}") }
    }
}

/// A setting's key, if it is in the file with a value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) set: Option<Written>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) place: Place,
    pub(crate) text: Text,
}

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// One value, or several with commas.
    Value {
        text: String,
        /// As it stands in the file, where a variable was put in: what that holds may be somebody's secret.
        written: Option<String>,
    },
    /// Something else than a value, in words.
    Other(&'static str),
}

impl Text {
    /// The value, or what was found in its place and what was expected.
    pub(crate) fn parse<T>(self, parse: impl Fn(&str) -> Result<T, Expected>) -> Result<T, (String, Expected)> {
        match self {
            Self::Value { text, written } => parse(&text).map_err(|expected| match written {
                None => (format!("{text:?}"), expected),
                Some(written) => (format!("{written:?} (what that stands for is not shown)"), expected),
            }),
            // Nothing is what no kind of value can be, so that it tells what one should be.
            Self::Other(found) => Err((found.to_owned(), parse("").err().unwrap_or(Expected("one value")))),
        }
    }
}

/// Every key that this version acts on.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Which file that is; none where there is none.
    pub(crate) path: Setting<Option<PathBuf>>,
    pub(crate) values: Values<Entry>,
    /// The catalogue, in its order.
    pub(crate) declared: Vec<DeclaredModel>,
    /// Its names behind which a scorer chooses.
    pub(crate) routes: Vec<DeclaredRoute>,
    pub(crate) organizations: Vec<Organization>,
    /// Their keys.
    pub(crate) listed: Vec<Listed>,
    pub(crate) problems: Vec<FileProblem>,
}

impl File {
    /// Reads the file that `--config` names, else `LLM_CONFIG`, else the one in the working directory if there is one.
    pub(crate) fn find(config: Option<&Path>, variables: &Variables) -> Self {
        let setting = |path: &Path, origin| Setting { value: Some(path.to_owned()), origin, names: &CONFIG };
        let [variable] = CONFIG.variables else { unreachable!("the file is named by one variable") };
        if let Some(path) = config {
            return Self::read(setting(path, Origin::CommandLine(CONFIG.flag)), path, variables);
        }
        if let Some(path) = environment::set(variables, variable).map(Path::new) {
            return Self::read(setting(path, Origin::Environment(variable)), path, variables);
        }
        let path = Path::new(IN_WORKING_DIRECTORY);
        match path.try_exists() {
            Ok(false) => Self::none(),
            Ok(true) | Err(_) => Self::read(setting(path, Origin::WorkingDirectory), path, variables),
        }
    }

    /// No file at all.
    pub(crate) fn none() -> Self {
        Self {
            path: Setting { value: None, origin: Origin::Default, names: &CONFIG },
            values: Values::take(|_| Entry { set: None }),
            declared: Vec::new(),
            routes: Vec::new(),
            organizations: Vec::new(),
            listed: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn read(setting: Setting<Option<PathBuf>>, path: &Path, variables: &Variables) -> Self {
        let named = path.display().to_string();
        match text_of(path) {
            Ok(text) => Self { path: setting, ..Self::parse(&named, &text, variables) },
            Err(error) => {
                let problem =
                    FileProblem::Unreadable { file: named, origin: setting.origin.to_string(), error: error.to_string() };
                Self { path: setting, problems: vec![problem], ..Self::none() }
            }
        }
    }

    /// The settings of a file's text; `${NAME}` in a value is the variable of this name.
    pub(crate) fn parse(file: &str, text: &str, variables: &Variables) -> Self {
        let file: Arc<str> = file.into();
        let (root, flaws) = yaml::parse(text);
        let mut reading = keys::Reading::new(&file, variables);
        reading.problems.extend(flaws.into_iter().map(|yaml::Flaw { line, what }| {
            let place = Place { file: Arc::clone(&file), line };
            FileProblem::Malformed { place, what }
        }));
        reading.root(root);
        let keys::Reading { mut written, problems, declared, routes, organizations, listed, .. } = reading;
        let take = |names: &'static Names| Entry { set: names.key.and_then(|key| written.remove(key)) };
        Self { values: Values::take(take), declared, routes, organizations, listed, problems, ..Self::none() }
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 1 MiB, and so no file of settings"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

#[cfg(test)]
mod tests;
