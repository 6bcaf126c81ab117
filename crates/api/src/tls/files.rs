//! The two files, as they are at one moment.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of a file beyond which it is no chain of certificates and no key.
const LARGEST: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What is in the files; compared to see whether they have changed. Times of change would miss a second change within the
/// clock's grain, and links that lead elsewhere, as Kubernetes renews them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) certificate: Result<Vec<u8>, io::ErrorKind>,
    pub(super) key: Result<Vec<u8>, io::ErrorKind>,
}

impl Files {
    pub(super) fn read(&self) -> Contents {
        Contents { certificate: read(&self.certificate), key: read(&self.key) }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, io::ErrorKind> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.kind())?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| error.kind())?;
    Ok(bytes)
}
