//! Small files, read whole.

use std::path::Path;
use std::{fs, io};

/// Whatever is not a plain file is refused: to read a pipe is to wait for its writer.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(file)?.is_file() { fs::read(file) } else { Err(io::Error::other("is not a file")) }
}
