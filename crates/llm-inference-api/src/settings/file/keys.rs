//! From the tree to the values of known keys. What is not known is told with what was probably meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use accounts::{Listed, Organization};

use super::fill::{self, Filled, Unfilled};
use super::yaml::{Content, Key, Node};
use super::{FileProblem, Place, Text, Written};
use crate::settings::environment::Variables;
use crate::settings::types::{DeclaredModel, DeclaredRoute};
use crate::settings::{alike, names};

/// The list of models.
const CATALOGUE: &str = "models";

/// The list of organisations.
const ORGANIZATIONS: &str = "organizations";

/// The state of reading one file.
pub(super) struct Reading<'a> {
    file: &'a Arc<str>,
    variables: &'a Variables,
    /// By key.
    pub(super) written: BTreeMap<&'static str, Written>,
    pub(super) problems: Vec<FileProblem>,
    /// In their order.
    pub(super) declared: Vec<DeclaredModel>,
    pub(super) routes: Vec<DeclaredRoute>,
    pub(super) organizations: Vec<Organization>,
    /// The keys of all organisations.
    pub(super) listed: Vec<Listed>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a Arc<str>, variables: &'a Variables) -> Self {
        let (written, problems, declared) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self {
            file,
            variables,
            written,
            problems,
            declared,
            routes: Vec::new(),
            organizations: Vec::new(),
            listed: Vec::new(),
        }
    }

    pub(super) fn root(&mut self, root: Node) {
        match root.content {
            Content::Section(entries) => self.section("", entries),
            Content::Nothing => {}
            Content::Text(_) | Content::List(_) => {
                let what = "not settings; expected sections with keys, as api: {port: 8091}".to_owned();
                self.problems.push(FileProblem::Malformed { place: self.place(root.line), what });
            }
        }
    }

    pub(super) fn place(&self, line: usize) -> Place {
        Place { file: Arc::clone(self.file), line }
    }

    /// `prefix` is what the keys in here begin with: nothing, or `api.`.
    fn section(&mut self, prefix: &str, entries: Vec<(Key, Node)>) {
        for (Key { name, line }, node) in entries {
            let path = format!("{prefix}{name}");
            let place = self.place(line);
            if let Some(names) = names::all().into_iter().find(|names| names.key == Some(path.as_str())) {
                self.setting(names, place, node);
            } else if path == CATALOGUE {
                self.catalogue(place, node);
            } else if path == ORGANIZATIONS {
                self.organizations(place, node);
            } else if is_section(&path) {
                self.subsection(path, place, node);
            } else {
                let hint = hint(prefix, &name);
                self.problems.push(FileProblem::Unknown { place, key: path, hint });
            }
        }
    }

    /// The sections in a list; `form` says how one is written.
    pub(super) fn sections(&mut self, place: Place, node: Node, key: &str, form: &str) -> Vec<(Place, Vec<(Key, Node)>)> {
        let nodes = match node.content {
            Content::Nothing => return Vec::new(),
            Content::List(nodes) => nodes,
            Content::Text(_) | Content::Section(_) => {
                self.malformed(place, format!("{key} is not a list, expected - {form} for each"));
                return Vec::new();
            }
        };
        let mut sections = Vec::new();
        for Node { line, content } in nodes {
            match content {
                Content::Section(entries) => sections.push((self.place(line), entries)),
                _ => self.malformed(self.place(line), format!("not one of {key}, expected {form}")),
            }
        }
        sections
    }

    /// What is in a section that has nothing but values.
    pub(super) fn entries(&mut self, place: Place, node: Node, key: &str) -> Vec<(Key, Node)> {
        match node.content {
            Content::Section(entries) => return entries,
            Content::Nothing => {}
            Content::Text(_) | Content::List(_) => {
                self.problems.push(FileProblem::NoSection { place, key: key.to_owned(), found: "no section" });
            }
        }
        Vec::new()
    }

    pub(super) fn malformed(&mut self, place: Place, what: impl Into<String>) {
        self.problems.push(FileProblem::Malformed { place, what: what.into() });
    }

    fn subsection(&mut self, key: String, place: Place, node: Node) {
        match node.content {
            Content::Section(entries) => self.section(&format!("{key}."), entries),
            Content::Nothing => {}
            Content::Text(_) => self.problems.push(FileProblem::NoSection { place, key, found: "a value" }),
            Content::List(_) => self.problems.push(FileProblem::NoSection { place, key, found: "a list" }),
        }
    }

    fn setting(&mut self, names: &'static names::Names, place: Place, node: Node) {
        let Some(key) = names.key else { return };
        if let Some(text) = self.text(key, names.several, &place, node) {
            self.written.insert(key, Written { place, text });
        }
    }

    /// What stands behind a key, if anything does, and variables are there for it.
    pub(super) fn text(&mut self, key: &str, several: bool, place: &Place, node: Node) -> Option<Text> {
        match node.content {
            Content::Nothing => None,
            Content::Text(text) => self.value(key, place, &text),
            Content::List(nodes) if several => self.list(key, nodes),
            Content::List(_) => Some(Text::Other("a list")),
            Content::Section(_) => Some(Text::Other("a section")),
        }
    }

    fn value(&mut self, key: &str, place: &Place, text: &str) -> Option<Text> {
        let (place, key) = (place.clone(), key.to_owned());
        match fill::fill(text, self.variables) {
            Ok(Filled { text: value, filled }) => {
                let written = filled.then(|| text.to_owned());
                return Some(Text::Value { text: value, written });
            }
            Err(Unfilled::NotSet(variable)) => self.problems.push(FileProblem::NotSet { place, key, variable }),
            Err(Unfilled::NoVariable) => self.problems.push(FileProblem::NoVariable { place, key }),
        }
        None
    }

    /// The same as one value with commas.
    fn list(&mut self, key: &str, nodes: Vec<Node>) -> Option<Text> {
        let (mut texts, mut writings, mut any_filled) = (Vec::new(), Vec::new(), false);
        for node in nodes {
            let Content::Text(text) = node.content else { return Some(Text::Other("a list of something else than values")) };
            let Some(Text::Value { text: value, written }) = self.value(key, &self.place(node.line), &text) else {
                return None;
            };
            any_filled |= written.is_some();
            texts.push(value);
            writings.push(text);
        }
        Some(Text::Value { text: texts.join(","), written: any_filled.then(|| writings.join(",")) })
    }
}

/// Keys that exist.
fn known() -> impl Iterator<Item = &'static str> {
    names::all().into_iter().filter_map(|names| names.key).chain([CATALOGUE, ORGANIZATIONS])
}

fn is_section(path: &str) -> bool {
    known().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// What was probably meant by `name` in the section of this prefix; if nothing is near, what there is.
fn hint(prefix: &str, name: &str) -> String {
    let here = children(prefix);
    let near = || alike::nearest(name, here.iter().copied()).map(|near| format!("{prefix}{near}"));
    let elsewhere = || elsewhere(name).map(str::to_owned);
    match named_otherwise(name).map(str::to_owned).or_else(near).or_else(elsewhere) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("there are: {}", here.join(", ")),
    }
}

/// The key of a setting whose variable or flag this is.
fn named_otherwise(name: &str) -> Option<&'static str> {
    let flag = format!("--{}", name.replace('_', "-"));
    let is_it = |names: &&names::Names| {
        names.flag == flag || names.variables.iter().any(|variable| variable.eq_ignore_ascii_case(name))
    };
    names::all().into_iter().find(is_it)?.key
}

/// A key of another section that ends so, or nearly so.
fn elsewhere(name: &str) -> Option<&'static str> {
    let ends_so = |key: &&str| leaf(key).strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    known().find(ends_so).or_else(|| {
        let near = alike::nearest(name, known().map(leaf))?;
        known().find(|key| leaf(key) == near)
    })
}

/// A key's name within its section.
fn leaf(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The names directly in the section of this prefix.
fn children(prefix: &str) -> Vec<&'static str> {
    let mut children = Vec::new();
    for name in known().filter_map(|key| key.strip_prefix(prefix)?.split('.').next()) {
        if !children.contains(&name) {
            children.push(name);
        }
    }
    children
}
