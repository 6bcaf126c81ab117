//! Models that somebody has declared one by one: a name for clients, and where the files come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::entry::{Entry, Source};
use crate::error::Error;
use crate::fetch;
use crate::hub::HubModel;
use crate::scan;
use crate::sources::Origin;

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
    /// `hf:org/name` or `hf:name`, with `@revision` or `:file.gguf` behind it, or `mlflow:models:/name/stage`.
    Origin(Origin),
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
            return hub(name).map(Origin::Hub).map(Self::Origin).ok_or(NotASource);
        }
        if let Some(uri) = text.strip_prefix("mlflow:") {
            return uri.parse().map(Origin::MlFlow).map(Self::Origin).map_err(|_| NotASource);
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

/// `org/name` or `name`, and what may stand behind it.
pub(crate) fn hub(text: &str) -> Option<HubModel> {
    let (rest, file) = match text.split_once(':') {
        Some((rest, file)) => (rest, Some(file)),
        None => (text, None),
    };
    let (repository, revision) = match rest.split_once('@') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (rest, None),
    };
    let well_formed = crate::catalogue::looks_like_hub(repository)
        && revision.is_none_or(|revision| fetch::relative(revision).is_some())
        && file.is_none_or(|file| fetch::relative(file).is_some());
    let owned = |part: Option<&str>| part.map(str::to_owned);
    well_formed.then(|| HubModel { repository: repository.to_owned(), revision: owned(revision), file: owned(file) })
}

impl fmt::Display for Declared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => formatter.write_str("embedded"),
            Self::Path(path) => path.display().fmt(formatter),
            Self::Origin(origin) => origin.fmt(formatter),
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
                Ok(Entry { size, ..Entry::new(id, Source::Embedded) })
            }
            Declared::Path(path) => self.at(path),
            Declared::Remote(servers) => Ok(Entry::new(id, Source::Remote(servers.clone()))),
            Declared::Origin(origin) => match self.beside(directory) {
                Some(path) => self.at(&path),
                None => Ok(Entry::new(id, Source::Origin(origin.clone()))),
            },
        }
    }

    /// Where the files of a model of the Hub lie, if somebody has put them into the directory of models.
    fn beside(&self, directory: Option<&Path>) -> Option<PathBuf> {
        let Declared::Origin(Origin::Hub(HubModel { repository, file, .. })) = &self.source else { return None };
        let path = directory?.join(repository);
        Some(file.as_ref().map_or(path.clone(), |file| path.join(file))).filter(|path| path.exists())
    }

    /// What somebody should know who uses it all the same.
    pub(crate) fn warning(&self, directory: Option<&Path>) -> Option<String> {
        let Declared::Origin(Origin::Hub(HubModel { repository, revision: Some(revision), .. })) = &self.source else {
            return None;
        };
        self.beside(directory)?;
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
            "hf:name",
            "hf:name@v1:f.gguf",
            "hf:org/name@v1",
            "hf:org/name:a/b.gguf",
            "hf:o/n@r:f.gguf",
            "hf:o/n@refs/pr/1",
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
            "hf:f.gguf",
            "hf:org--name",
            "hf:a/b/c",
            "hf:org/name@",
            "hf:org/name:",
            "hf:org/name:../x",
            "hf:../name",
            "mlflow:",
            "mlflow:runs:/a/b",
            "https://example.org/model.gguf",
        ] {
            assert_eq!(text.parse::<Declared>(), Err(NotASource), "{text}");
        }
    }
}
