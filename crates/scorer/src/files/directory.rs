//! The directory in which scorers are kept.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::sidecar::FORMAT;
use super::{Error, Name, Provenance, Sidecar, weights};
use crate::measure::Report;
use crate::prompt::{Encoder, Encoders, Inputs, names};
use crate::{Method, Scorer, Type};

#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    /// What scorers were trained with that have no built-in encoder.
    encoders: Option<Arc<dyn Encoders>>,
}

/// A scorer with what its files say of it.
#[derive(Debug, Clone)]
pub struct Saved {
    pub scorer: Scorer,
    pub sidecar: Sidecar,
}

impl Directory {
    /// It need not be there yet: then there is no scorer in it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), encoders: None }
    }

    /// The same, where scorers that read prompts with one of these encoders can be loaded too.
    #[must_use]
    pub fn with_encoders(self, encoders: Arc<dyn Encoders>) -> Self {
        Self { encoders: Some(encoders), ..self }
    }

    /// The names of all scorers, sorted. Files that are none are passed over.
    pub fn list(&self) -> Result<Vec<Name>, Error> {
        let mut names = Vec::new();
        for kind in Type::ALL {
            let path = self.path.join(kind.name());
            let entries = match fs::read_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(at(&path))?,
            };
            for entry in entries {
                let file = entry.map_err(at(&path))?.file_name();
                let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
                names.extend(name.and_then(|name| Name::parse(&format!("{kind}/{name}")).ok()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// What is known of a scorer, without its numbers.
    pub fn describe(&self, name: &Name) -> Result<Sidecar, Error> {
        let path = self.sidecar(name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let known = self.list()?.iter().map(Name::to_string).collect();
                return Err(Error::NotFound { name: name.to_string(), known });
            }
            text => text.map_err(at(&path))?,
        };
        let wrong = |reason: String| Error::Sidecar { path: path.clone(), reason };
        let sidecar: Sidecar = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        check(&sidecar, name).map_err(wrong)?;
        Ok(sidecar)
    }

    /// Refuses numbers that are not those that the description was written for.
    pub fn load(&self, name: &Name) -> Result<Saved, Error> {
        match self.load_once(name) {
            // Another process may have put a new scorer in its place between the reading of the two files.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => self.load_once(name),
            result => result,
        }
    }

    fn load_once(&self, name: &Name) -> Result<Saved, Error> {
        let sidecar = self.describe(name)?;
        let wrong = |reason: String| Error::Sidecar { path: self.sidecar(name), reason };
        let encoder = Encoder::find(&sidecar.encoder, self.encoders.as_deref()).map_err(wrong)?;
        let inputs = Inputs::restore(encoder, sidecar.scaler.clone());
        let inputs = inputs.ok_or_else(|| wrong("its scaler is not sound".to_owned()))?;
        let method = self.method(name, &sidecar, &inputs)?;
        let scorer = Scorer { kind: sidecar.learned_from, models: sidecar.models.clone(), inputs, method };
        Ok(Saved { scorer, sidecar })
    }

    fn method(&self, name: &Name, sidecar: &Sidecar, inputs: &Inputs) -> Result<Method, Error> {
        let path = self.weights(name, &sidecar.weights_sha256);
        let bytes = fs::read(&path).map_err(at(&path))?;
        let wrong = |reason: String| Error::Weights { path: path.clone(), reason };
        if hash(&bytes) != sidecar.weights_sha256 {
            return Err(wrong("its hash is not the one in the description beside it".to_owned()));
        }
        let tensors = weights::read(&bytes).map_err(wrong)?;
        Method::restore(sidecar.kind, tensors, sidecar.models.len(), inputs.width(), inputs.dimensions())
            .map_err(|source| Error::Misfit { path, source })
    }

    /// Writes a scorer in place of the one of this name, if there is one.
    pub fn save(&self, name: &str, scorer: &Scorer, training: Provenance, held_out: Report) -> Result<Name, Error> {
        let name = Name::parse(&format!("{}/{name}", scorer.method.kind()))?;
        let place = self.path.join(name.kind().name());
        fs::create_dir_all(&place).map_err(at(&place))?;
        let written = weights::write(&scorer.method.tensors());
        let bytes = written.map_err(|error| Error::Weights { path: place.clone(), reason: error.to_string() })?;
        let sidecar = describe(scorer, hash(&bytes), training, held_out);
        let mut text = serde_json::to_vec_pretty(&sidecar).map_err(|error| at(&self.sidecar(&name))(error.into()))?;
        text.push(b'\n');
        put(&self.weights(&name, &sidecar.weights_sha256), &bytes)?;
        put(&self.sidecar(&name), &text)?;
        self.remove_former(&name, &sidecar.weights_sha256)?;
        Ok(name)
    }

    /// Numbers that no description means any longer.
    fn remove_former(&self, name: &Name, current: &str) -> Result<(), Error> {
        let place = self.path.join(name.kind().name());
        let current = self.weights(name, current);
        for entry in fs::read_dir(&place).map_err(at(&place))? {
            let path = entry.map_err(at(&place))?.path();
            if path != current && is_weights_of(&path, name) {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    fn sidecar(&self, name: &Name) -> PathBuf {
        self.path.join(name.kind().name()).join(format!("{}.json", name.name()))
    }

    fn weights(&self, name: &Name, sha256: &str) -> PathBuf {
        let file = format!("{}-{}.safetensors", name.name(), &sha256[..DIGITS]);
        self.path.join(name.kind().name()).join(file)
    }
}

/// Of a hash, those that are in a file's name.
const DIGITS: usize = 16;

fn is_weights_of(path: &Path, name: &Name) -> bool {
    let file = path.file_name().and_then(|file| file.to_str());
    let digits = file
        .and_then(|file| file.strip_suffix(".safetensors"))
        .and_then(|stem| stem.strip_prefix(name.name()))
        .and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn describe(scorer: &Scorer, weights_sha256: String, training: Provenance, held_out: Report) -> Sidecar {
    Sidecar {
        format: FORMAT,
        kind: scorer.method.kind(),
        learned_from: scorer.kind,
        models: scorer.models.clone(),
        encoder: scorer.inputs.encoder().identity(),
        features: names().map(str::to_owned).collect(),
        scaler: scorer.inputs.scaler().clone(),
        weights_sha256,
        training,
        held_out,
    }
}

fn check(sidecar: &Sidecar, name: &Name) -> Result<(), String> {
    let Sidecar { format, kind, models, features, weights_sha256, .. } = sidecar;
    if *format != FORMAT {
        return Err(format!("its format is {format}, and this program reads {FORMAT}"));
    }
    if *kind != name.kind() {
        return Err(format!("it is a {kind}, and lies where {} are", name.kind()));
    }
    if !features.iter().map(String::as_str).eq(names()) {
        return Err("it was made with other features than this program counts".to_owned());
    }
    if models.is_empty() || models.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("its models are not sorted, or there are none".to_owned());
    }
    let digits = weights_sha256.len() == 64 && weights_sha256.bytes().all(|digit| digit.is_ascii_hexdigit());
    digits.then_some(()).ok_or_else(|| "weights_sha256 is no hash".to_owned())
}

/// The SHA-256 of a file's bytes, in hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// Whole and on the disk, or not at all.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let place = path.parent().unwrap_or(Path::new("."));
    let mut file = temporary(place).map_err(at(place))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    Ok(())
}

/// A temporary file is for its owner alone; a scorer is for whoever may read the directory.
fn temporary(place: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.tempfile_in(place)
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { path: path.clone(), source }
}
