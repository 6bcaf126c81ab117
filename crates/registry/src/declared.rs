//! Models that somebody has declared one by one: a name for clients, and where the files come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::entry::{Entry, Source};
use crate::error::Error;
use crate::scan;

/// A model under the name that clients will use, wherever its files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    pub id: String,
    pub source: Declared,
    /// Where it is declared, for messages: `serving_config.yaml:12`.
    pub place: String,
}

/// Where a declared model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared {
    /// The binary.
    Embedded,
    /// A directory in Hugging Face's layout, or a GGUF file.
    Path(PathBuf),
    /// `hf:org/name`, with `@revision` or `:file.gguf` behind it.
    Hub { repository: String, revision: Option<String>, file: Option<String> },
    /// `mlflow:models:/name/stage`: what stands behind the first colon.
    MlFlow(String),
    /// Nowhere here: it runs on servers at these addresses.
    Remote(Vec<String>),
}

/// What a source is written like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotASource;

impl FromStr for Declared {
    type Err = NotASource;

    fn from_str(text: &str) -> Result<Self, NotASource> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix("hf:") {
            return hub(name).ok_or(NotASource);
        }
        if let Some(uri) = text.strip_prefix("mlflow:") {
            return if uri.is_empty() { Err(NotASource) } else { Ok(Self::MlFlow(uri.to_owned())) };
        }
        match text {
            "" => Err(NotASource),
            "embedded" => Ok(Self::Embedded),
            // `https://…`, `s3://…`: nothing that a path begins with.
            _ if text.contains("://") => Err(NotASource),
            _ => Ok(Self::Path(PathBuf::from(text))),
        }
    }
}

fn hub(text: &str) -> Option<Declared> {
    let (rest, file) = match text.split_once(':') {
        Some((rest, file)) => (rest, Some(file)),
        None => (text, None),
    };
    let (repository, revision) = match rest.split_once('@') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (rest, None),
    };
    let stays_inside = |path: &str| !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..");
    let well_formed = crate::catalogue::looks_like_hub(repository)
        && revision.is_none_or(|revision| !revision.is_empty())
        && file.is_none_or(stays_inside);
    let owned = |part: Option<&str>| part.map(str::to_owned);
    well_formed.then(|| Declared::Hub { repository: repository.to_owned(), revision: owned(revision), file: owned(file) })
}

impl fmt::Display for Declared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => formatter.write_str("embedded"),
            Self::Path(path) => path.display().fmt(formatter),
            Self::Hub { repository, revision, file } => {
                write!(formatter, "hf:{repository}")?;
                revision.iter().try_for_each(|revision| write!(formatter, "@{revision}"))?;
                file.iter().try_for_each(|file| write!(formatter, ":{file}"))
            }
            Self::MlFlow(uri) => write!(formatter, "mlflow:{uri}"),
            Self::Remote(servers) => formatter.write_str(&servers.join(", ")),
        }
    }
}

impl Declaration {
    /// The model's files, on this machine. `embedded` is the size of the model in the binary, `directory` that of the models.
    pub(crate) fn entry(&self, embedded: Option<u64>, directory: Option<&Path>) -> Result<Entry, Error> {
        let Self { id, source, place } = self;
        match source {
            Declared::Embedded => {
                let size = embedded.ok_or_else(|| Error::NotEmbedded { id: id.clone(), place: place.clone() })?;
                Ok(Entry { id: id.clone(), source: Source::Embedded, size })
            }
            Declared::Path(path) => self.at(path),
            Declared::Remote(servers) => Ok(Entry { id: id.clone(), source: Source::Remote(servers.clone()), size: 0 }),
            Declared::Hub { repository, file, .. } => {
                let path = directory.map(|directory| directory.join(repository));
                let path = path.map(|path| file.as_ref().map_or(path.clone(), |file| path.join(file)));
                match path.filter(|path| path.exists()) {
                    Some(path) => self.at(&path),
                    None => Err(self.not_downloaded(repository, directory)),
                }
            }
            Declared::MlFlow(_) => Err(Error::InMlFlow { id: id.clone(), place: place.clone(), named: source.to_string() }),
        }
    }

    /// What somebody should know who uses it all the same.
    pub(crate) fn warning(&self) -> Option<String> {
        let Declared::Hub { repository, revision: Some(revision), .. } = &self.source else { return None };
        Some(format!(
            "{}: the files of {repository} are taken as they lie on this machine; whether they are of revision {revision} is not known",
            self.place
        ))
    }

    fn at(&self, path: &Path) -> Result<Entry, Error> {
        let entry = scan::named_model(path);
        let error = |source| Error::Declared { id: self.id.clone(), place: self.place.clone(), source: Box::new(source) };
        Ok(Entry { id: self.id.clone(), ..entry.map_err(error)? })
    }

    fn not_downloaded(&self, repository: &str, directory: Option<&Path>) -> Error {
        let remedy = match directory {
            Some(directory) => format!("put its files into {}", directory.join(repository).display()),
            None => format!(
                "name a directory of models (LLM_MODEL_PATH, model.directory), and put its files into {repository} there"
            ),
        };
        Error::InHub { id: self.id.clone(), place: self.place.clone(), named: self.source.to_string(), remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_written_alike() {
        for text in [
            "embedded",
            "./models/a.gguf",
            "/models/b",
            "hf:org/name",
            "hf:org/name@v1",
            "hf:org/name:a/b.gguf",
            "hf:o/n@r:f.gguf",
            "mlflow:models:/a/Production",
        ] {
            assert_eq!(text.parse::<Declared>().map(|source| source.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            " ",
            "hf:",
            "hf:name",
            "hf:org/name@",
            "hf:org/name:",
            "hf:org/name:../x",
            "hf:../name",
            "mlflow:",
            "https://example.org/model.gguf",
        ] {
            assert_eq!(text.parse::<Declared>(), Err(NotASource), "{text}");
        }
    }
}
