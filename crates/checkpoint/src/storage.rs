//! The bytes of a file, shared by all that look into it.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;

use crate::{Error, Result};

/// The largest pages that files are mapped in on the machines that we know.
#[cfg(unix)]
const PAGE: usize = 64 << 10;

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
        // SAFETY: nothing is written through the mapping, and nothing here relies on its bytes for memory safety.
        let mapping = unsafe { Mmap::map(&file) };
        Ok(Self::Mapped(Arc::new(mapping.map_err(|source| Error::io(path, source))?)))
    }

    /// Tells the system that nobody reads `range` for now: its pages leave this process's memory, and come back from the file
    /// (or from the system's cache of it) if they are read after all.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(mapping) = self {
            // What shares its pages with others stays.
            let (start, end) = (range.start.next_multiple_of(PAGE), range.end / PAGE * PAGE);
            if start < end {
                #[expect(unsafe_code, reason = "for other kinds of mappings this advice would throw contents away")]
                // SAFETY: the mapping is of a file and never written, so its contents stay what they are.
                let advised = unsafe { mapping.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
                // Refused, it costs memory that the system can take back by itself when it is short.
                drop(advised);
            }
        }
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
