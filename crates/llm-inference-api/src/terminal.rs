//! What is said to the person at the terminal: answers on stdout, everything else on stderr.

use std::io::{self, Write};

/// A line on stderr. That nobody listens is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A piece of an answer, at once. Fails when the reader has gone (`… | head`).
pub(crate) fn answer(piece: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(piece.as_bytes())?;
    stdout.flush()
}
