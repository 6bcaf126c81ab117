//! All the models of this machine, and which of them are to be served.

use std::path::{Path, PathBuf};

use crate::declared::{self, Declaration};
use crate::entry::{self, Entry, Source};
use crate::error::{Error, with_causes};
use crate::scan;
use crate::sources::Origin;

/// Where to look for models.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The id and the size of the model in the binary.
    pub embedded: Option<(String, u64)>,
    /// A directory of models (`LLM_MODEL_PATH`).
    pub directory: Option<PathBuf>,
    /// Models that were declared one by one; their ids differ.
    pub declared: Vec<Declaration>,
    /// One model that was asked for by name (`--model`): a path, or the id of one that the other places have.
    pub named: Option<PathBuf>,
}

/// Which of the models found may be served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing was said: the model that was asked for by name; without one, those that were declared; without any, the
    /// embedded one.
    #[default]
    Unsaid,
    /// `*`
    All,
    /// These, and the one that was asked for by name.
    Ids(Vec<String>),
}

/// The models that were found.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The embedded one, the directory's by id, the declared ones, then the one that was named by its path.
    entries: Vec<Entry>,
    /// In the order in which they were declared, each with its files or with why there are none: that matters only if it is
    /// to be served.
    declared: Vec<(Declaration, Result<Entry, String>)>,
    warnings: Vec<String>,
    looked_in: Vec<String>,
    /// The id of the model that was asked for by name.
    named: Option<String>,
}

impl Catalogue {
    /// Looks everywhere. Fails if a place that was named is not there; what is broken inside a directory is a warning.
    pub fn scan(places: &Places) -> Result<Self, Error> {
        let mut catalogue = Self::default();
        if let Some((id, size)) = &places.embedded {
            catalogue.looked_in.push("the binary".to_owned());
            catalogue.entries.push(Entry { size: *size, ..Entry::new(id, Source::Embedded) });
        }
        if let Some(directory) = &places.directory {
            catalogue.looked_in.push(directory.display().to_string());
            let findings = scan::scan(directory)?;
            catalogue.warnings.extend(findings.warnings);
            for entry in findings.entries {
                catalogue.prefer(entry);
            }
        }
        for declaration in &places.declared {
            catalogue.declare(declaration, places);
        }
        if let Some(named) = &places.named {
            catalogue.name(named)?;
        }
        Ok(catalogue)
    }

    fn declare(&mut self, declaration: &Declaration, places: &Places) {
        let embedded = places.embedded.as_ref().map(|(_, size)| *size);
        let entry = declaration.entry(embedded, places.directory.as_deref());
        if let Ok(entry) = &entry {
            self.warnings.extend(declaration.warning(places.directory.as_deref()));
            self.prefer(entry.clone());
        }
        self.declared.push((declaration.clone(), entry.map_err(|error| with_causes(&error))));
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was left out and why, in whole sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The models to serve; the first is the one that answers where none is asked for. Fails on an id that is not there, and
    /// names all the declared ones without files.
    pub fn select(&self, allowed: &Allowed) -> Result<Vec<Entry>, Error> {
        let mut selected: Vec<Entry> =
            self.entries.iter().filter(|entry| Some(&entry.id) == self.named.as_ref()).cloned().collect();
        match allowed {
            Allowed::Unsaid if !selected.is_empty() => {}
            Allowed::Unsaid if self.declared.is_empty() => {
                selected.extend(self.entries.iter().filter(|entry| entry.source == Source::Embedded).cloned());
            }
            Allowed::Unsaid => add_new(&mut selected, &self.declared_entries(|_| true)?),
            Allowed::All => {
                add_new(&mut selected, &self.declared_entries(|_| true)?);
                add_new(&mut selected, &self.entries);
            }
            Allowed::Ids(ids) => {
                self.declared_entries(|id| ids.iter().any(|allowed| allowed == id))?;
                for id in ids {
                    add_new(&mut selected, [&self.wanted(id)?]);
                }
            }
        }
        Ok(selected)
    }

    /// The declared models among these ids.
    fn declared_entries(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Entry>, Error> {
        let wanted = self.declared.iter().filter(|(declaration, _)| wanted(&declaration.id));
        let (mut entries, mut missing) = (Vec::new(), Vec::new());
        for (_, entry) in wanted {
            match entry {
                Ok(entry) => entries.push(entry.clone()),
                Err(reason) => missing.push(reason.clone()),
            }
        }
        if missing.is_empty() { Ok(entries) } else { Err(Error::Several(missing)) }
    }

    /// The model of this id.
    pub fn find(&self, id: &str) -> Result<&Entry, Error> {
        self.entries.iter().find(|entry| entry.id == id).ok_or_else(|| self.not_found(id))
    }

    /// The model of this id; one that is not here may be on the Hub, or in MLflow.
    fn wanted(&self, id: &str) -> Result<Entry, Error> {
        if let Ok(entry) = self.find(id) {
            return Ok(entry.clone());
        }
        let hub = |name| declared::hub(name).map(Origin::Hub);
        let origin = if let Some(name) = id.strip_prefix("hf:") {
            hub(name)
        } else if let Some(uri) = id.strip_prefix("mlflow:") {
            uri.parse().ok().map(Origin::MlFlow)
        } else {
            // One part alone is a misspelt id more often than one of the Hub's few models of such a name.
            Some(id).filter(|id| id.contains('/')).and_then(hub)
        };
        let origin = origin.ok_or_else(|| self.not_found(id))?;
        Ok(Entry::new(id, Source::Origin(origin)))
    }

    /// The model that somebody means: a path, the id of one of these, or of one on the Hub.
    pub fn locate(&self, named: &Path) -> Result<Entry, Error> {
        if named.exists() {
            return scan::named_model(named);
        }
        let id = named.to_str().ok_or_else(|| Error::Name { path: named.to_owned() })?;
        let entry = self.wanted(id)?;
        match (&entry.source, beside_this(named)) {
            (Source::Origin(Origin::Hub(_)), Some(folder)) if !id.starts_with("hf:") => {
                Err(Error::Misspelt { path: id.to_owned(), folder })
            }
            _ => Ok(entry),
        }
    }

    fn name(&mut self, path: &Path) -> Result<(), Error> {
        if !path.exists() {
            self.looked_in.insert(0, format!("the path {}", path.display()));
        }
        let entry = self.locate(path)?;
        self.named = Some(entry.id.clone());
        self.prefer(entry);
        Ok(())
    }

    /// Adds a model; of two with the same id, the one that was asked for more explicitly is kept.
    fn prefer(&mut self, entry: Entry) {
        if let Some(hidden) = self.entries.iter().position(|other| other.id == entry.id) {
            let hidden = self.entries.remove(hidden);
            if hidden.source != entry.source {
                let warning = format!("the model {:?} is taken from {}, not from {}", entry.id, entry.source, hidden.source);
                self.warnings.push(warning);
            }
        }
        self.entries.push(entry);
    }

    fn not_found(&self, id: &str) -> Error {
        let found = self.entries.iter().map(|entry| entry.id.clone()).collect();
        Error::NotFound { id: id.to_owned(), found, looked_in: self.looked_in.clone() }
    }
}

fn add_new<'a>(selected: &mut Vec<Entry>, entries: impl IntoIterator<Item = &'a Entry>) {
    for entry in entries {
        if selected.iter().all(|other| other.id != entry.id) {
            selected.push(entry.clone());
        }
    }
}

/// The directory in which a path leads to nothing, where there is that directory: then the path was meant as one.
fn beside_this(path: &Path) -> Option<PathBuf> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && folder.is_dir()).map(Path::to_owned)
}

/// `org/name` or, of the first ones, `name`, as the Hugging Face Hub names models, and not a path such as `./name`, `/name` or
/// `a/b/c`. The Hub has no name with `--`, which separates the parts in its cache.
pub(crate) fn looks_like_hub(id: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    id.split('/').count() <= 2 && id.split('/').all(part) && !id.contains("--") && !entry::is_gguf(Path::new(id))
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
