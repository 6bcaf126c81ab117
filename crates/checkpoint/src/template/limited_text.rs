//! The output of a template, up to a limit.

use std::io::{self, Write};

/// Far more than any context holds.
const LONGEST: usize = 64 << 20;

#[derive(Debug, Default)]
pub(super) struct LimitedText(Vec<u8>);

impl LimitedText {
    pub(super) fn into_string(self) -> String {
        // The engine writes whole strings; this is a check, not a conversion.
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Write for LimitedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("the text of the conversation is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
