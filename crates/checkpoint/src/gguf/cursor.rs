//! Reads numbers and strings one after the other, and never beyond the end.

use std::path::Path;

use crate::{Error, Result};

#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(file: &'a Path, bytes: &'a [u8]) -> Self {
        Self { file, bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or_else(|| {
            let found = format!("{} before the end of the file", rest.len());
            self.malformed(format!("{count} bytes of {what}"), found)
        })?;
        self.at += count;
        Ok(taken)
    }

    /// The next bytes as a number's.
    pub(crate) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A number of things that take at least `least` bytes each, and so cannot be more than what is left allows.
    pub(crate) fn count(&mut self, least: usize, what: &str) -> Result<usize> {
        let count = self.u64(what)?;
        let most = self.remaining() / least;
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(self.malformed(format!("at most {most} as the {what}"), count.to_string())),
        }
    }

    pub(crate) fn string(&mut self, what: &str) -> Result<&'a str> {
        let length = self.count(1, what)?;
        let bytes = self.take(length, what)?;
        str::from_utf8(bytes).map_err(|error| self.malformed(format!("UTF-8 in the {what}"), error.to_string()))
    }

    /// Passes over a string whatever its bytes are.
    pub(crate) fn skip_string(&mut self, what: &str) -> Result<()> {
        let length = self.count(1, what)?;
        self.take(length, what).map(drop)
    }

    pub(crate) fn malformed(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::malformed(self.file, format!("byte {}", self.at), expected, found)
    }
}
