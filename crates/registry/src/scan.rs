//! Reading a directory of models. What cannot be read, or leads in circles, is left out and said so: one broken entry
//! must not hide the others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::entry::{self, Entry, Source};
use crate::error::Error;

/// Below the root: `<org>/<name>/`, and a GGUF file in it.
const DEEPEST: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) entries: Vec<Entry>,
    /// Whole sentences for the person who started the server.
    pub(crate) warnings: Vec<String>,
}

/// Every model in `root`, in the order of their ids: `<name>/`, `<org>/<name>/` and `*.gguf` at any of these places. If
/// `root` is itself a model, that one.
pub(crate) fn scan(root: &Path) -> Result<Findings, Error> {
    let unreadable = |source| Error::Directory { path: root.to_owned(), source };
    let canonical = fs::canonicalize(root).map_err(unreadable)?;
    if let Some(entry) = model_at(&canonical)? {
        return Ok(Findings { entries: vec![entry], warnings: Vec::new() });
    }
    let mut scan = Scan { findings: Findings::default(), above: vec![canonical.clone()] };
    scan.directory(&canonical, "").map_err(unreadable)?;
    let mut findings = scan.findings;
    findings.entries.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(findings)
}

/// The model that `path` itself is, named after its directory or file; `None` if it is not one.
pub(crate) fn model_at(path: &Path) -> Result<Option<Entry>, Error> {
    let unreadable = |source| Error::Model { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let size = if metadata.is_dir() {
        entry::weights_in(path).map_err(unreadable)?
    } else {
        entry::is_gguf(path).then_some(metadata.len())
    };
    size.map(|size| entry_at(path, size)).transpose()
}

/// The model that somebody has pointed at: here a directory with a single GGUF file is one as well, while among others
/// it would be an organisation with one model.
pub(crate) fn named_model(path: &Path) -> Result<Entry, Error> {
    if let Some(entry) = model_at(path)? {
        return Ok(entry);
    }
    let unreadable = |source| Error::Model { path: path.to_owned(), source };
    let size = if path.is_dir() { entry::only_gguf_in(path).map_err(unreadable)? } else { None };
    entry_at(path, size.ok_or_else(|| Error::NotAModel { path: path.to_owned() })?)
}

fn entry_at(path: &Path, size: u64) -> Result<Entry, Error> {
    let unreadable = |source| Error::Model { path: path.to_owned(), source };
    // `.` and `..` have no name of their own.
    let named = fs::canonicalize(path).map_err(unreadable)?;
    let named = if path.file_name().is_some() { path } else { &named };
    let name = if path.is_dir() { named.file_name() } else { named.file_stem() };
    let id = name.and_then(|name| name.to_str()).ok_or_else(|| Error::Name { path: path.to_owned() })?;
    Ok(Entry { size, ..Entry::new(id, Source::Path(path.to_owned())) })
}

struct Scan {
    findings: Findings,
    /// The directories being read, outermost first, free of links: one that leads back into these is a circle.
    above: Vec<PathBuf>,
}

impl Scan {
    /// `prefix` is what the ids in here begin with: nothing, or `org/`.
    fn directory(&mut self, directory: &Path, prefix: &str) -> io::Result<()> {
        let mut children = fs::read_dir(directory)?.map(|child| Ok(child?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
        children.sort();
        for child in children {
            if let Err(error) = self.child(&child, prefix) {
                self.findings.warnings.push(format!("{} is left out: {error}", child.display()));
            }
        }
        Ok(())
    }

    fn child(&mut self, path: &Path, prefix: &str) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            return Ok(());
        }
        let metadata = fs::metadata(path)?;
        if metadata.is_file() {
            if entry::is_gguf(path) {
                let id = format!("{prefix}{}", utf8(path.file_stem())?);
                self.found(id, path, metadata.len());
            }
            return Ok(());
        }
        if !metadata.is_dir() {
            return Ok(());
        }
        let id = format!("{prefix}{}", utf8(path.file_name())?);
        if let Some(size) = entry::weights_in(path)? {
            self.found(id, path, size);
            return Ok(());
        }
        self.descend(path, &id)
    }

    fn descend(&mut self, path: &Path, id: &str) -> io::Result<()> {
        if self.above.len() > DEEPEST {
            return Ok(());
        }
        let canonical = fs::canonicalize(path)?;
        if self.above.contains(&canonical) {
            return Err(io::Error::other("it is a link that leads back to a directory above it"));
        }
        self.above.push(canonical);
        let read = self.directory(path, &format!("{id}/"));
        self.above.pop();
        read
    }

    fn found(&mut self, id: String, path: &Path, size: u64) {
        if let Some(first) = self.findings.entries.iter().find(|entry| entry.id == id) {
            let warning = format!("{} is left out: {} has the same id {id:?}", path.display(), first.source);
            self.findings.warnings.push(warning);
            return;
        }
        self.findings.entries.push(Entry { size, ..Entry::new(id, Source::Path(path.to_owned())) });
    }
}

fn utf8(name: Option<&std::ffi::OsStr>) -> io::Result<&str> {
    name.and_then(|name| name.to_str()).ok_or_else(|| io::Error::other("its name is not UTF-8"))
}
