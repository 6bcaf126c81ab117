//! All tensors of a model by name, whichever files they lie in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::Format;

use crate::storage::Storage;
use crate::{Error, Result, Summary, Tensor};

/// The tensors that a model's files list. That each lies in its file is known.
#[derive(Debug)]
pub(crate) struct Tensors {
    /// What to name where a tensor is missing: the model's directory or file.
    place: PathBuf,
    by_name: HashMap<String, Stored>,
}

/// One tensor in a file.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) file: Arc<Path>,
    pub(crate) storage: Storage,
    /// Of its first byte, in the storage.
    pub(crate) offset: usize,
    /// The outermost dimension first. Their product does not overflow.
    pub(crate) shape: Vec<usize>,
    pub(crate) element: Element,
    pub(crate) bytes: usize,
}

/// What a tensor consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    Format(Format),
    /// Something that weights cannot be in, by its name in the file; harmless in a tensor that nothing asks for.
    Other(String),
}

impl Tensors {
    pub(crate) fn new(place: &Path) -> Self {
        Self { place: place.into(), by_name: HashMap::new() }
    }

    /// Refuses a name that is there already.
    pub(crate) fn insert(&mut self, name: String, stored: Stored) -> Result<()> {
        if let Some(other) = self.by_name.get(&name) {
            let found = format!("another in {}", other.file.display());
            return Err(Error::tensor(&stored.file, name, "one tensor of this name", found));
        }
        self.by_name.insert(name, stored);
        Ok(())
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(crate) fn stored(&self, name: &str) -> Result<&Stored> {
        self.by_name.get(name).ok_or_else(|| Error::tensor(&self.place, name, "this tensor", "no tensor of this name"))
    }

    /// The tensor as it is in the file, (rows, columns).
    pub(crate) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let stored = self.stored(name)?;
        if stored.shape != [rows, columns] {
            return Err(stored.unlike(name, format!("shape [{rows}, {columns}]"), format!("{:?}", stored.shape)));
        }
        let format = stored.format(name)?;
        Tensor::new(stored.storage.clone(), stored.offset, format, rows, columns)
            .ok_or_else(|| stored.unlike(name, format!("whole {format} blocks"), format!("rows of {columns} elements")))
    }

    /// The elements of a tensor of one dimension.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let stored = self.stored(name)?;
        if stored.shape != [length] {
            return Err(stored.unlike(name, format!("shape [{length}]"), format!("{:?}", stored.shape)));
        }
        let format = stored.format(name)?;
        let view = Tensor::new(stored.storage.clone(), stored.offset, format, 1, length)
            .ok_or_else(|| stored.unlike(name, format!("whole {format} blocks"), format!("{length} elements")))?;
        let mut values = vec![0.0; length];
        view.dequantise_row(0, &mut values);
        Ok(values)
    }

    /// The model in a line: its weights are the tensors that are not among `ignored`.
    pub(crate) fn summary(&self, family: &'static str, context: usize, ignored: impl Fn(&str) -> bool) -> Summary {
        let weights = || self.by_name.iter().filter(|(name, _)| !ignored(name)).map(|(_, stored)| stored);
        let mut elements_by_format: HashMap<&str, usize> = HashMap::new();
        for stored in weights().filter(|stored| stored.shape.len() > 1) {
            *elements_by_format.entry(stored.element.name()).or_default() += stored.elements();
        }
        let most = elements_by_format.into_iter().max_by_key(|&(name, elements)| (elements, name));
        Summary {
            family,
            classifies: false,
            context,
            format: most.map_or_else(|| "unknown".into(), |(name, _)| name.to_owned()),
            parameters: weights().map(|stored| stored.elements() as u64).sum(),
            bytes: weights().map(|stored| stored.bytes as u64).sum(),
        }
    }
}

impl Stored {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.storage.bytes()[self.offset..self.offset + self.bytes]
    }

    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    fn format(&self, name: &str) -> Result<Format> {
        match &self.element {
            Element::Format(format) => Ok(*format),
            Element::Other(found) => {
                let expected = format!("one of {}", Format::ALL.map(Format::name).join(", "));
                Err(self.unlike(name, expected, found.clone()))
            }
        }
    }

    fn unlike(&self, name: &str, expected: String, found: String) -> Error {
        Error::tensor(&self.file, name, expected, found)
    }
}

impl Element {
    fn name(&self) -> &str {
        match self {
            Self::Format(format) => format.name(),
            Self::Other(name) => name,
        }
    }
}
