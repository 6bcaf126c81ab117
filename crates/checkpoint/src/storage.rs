//! The bytes of a file, shared by all that look into it.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::{Error, Result};

/// Cheap to clone. The file is unmapped when the last view of it is dropped.
#[derive(Clone)]
pub(crate) enum Storage {
    Mapped(Arc<Mmap>),
    Static(&'static [u8]),
    Owned(Arc<[u8]>),
}

impl Storage {
    pub(crate) fn map(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io(path, source))?;
        #[expect(
            unsafe_code,
            reason = "a file can only be mapped so; as with every program that maps, a model file must not be cut short or \
                      rewritten in place while it is served. Whatever its bytes are, they are checked before use"
        )]
        // SAFETY: the mapping is read-only and private to this process; nothing here relies on the bytes for memory safety.
        let mapping = unsafe { Mmap::map(&file) };
        Ok(Self::Mapped(Arc::new(mapping.map_err(|source| Error::io(path, source))?)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(mapping) => mapping,
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Storage({} bytes)", self.bytes().len())
    }
}
