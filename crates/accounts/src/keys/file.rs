//! The keys file: a line a key.
//!
//! ```text
//! # the key itself, or sha256: and what sha256sum prints of it; then what it may, if that is not everything
//! sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b name=ci organization=acme role=user models=demo
//! a-long-random-text expires=2027-01-01T00:00:00Z requests_per_minute=60 tokens_per_minute=10000
//! ```
//!
//! Absent: a name of the first digits of the hash, organisation `default`, role `user`, every model, no end.
//!
//! A file that was cut off must not make a key of what is left of a line: the last one ends with a newline too, and a key is not
//! short.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use thiserror::Error;

use super::{Hash, Listed};
use crate::caller::{Caller, Models, Role};
use crate::limits::KeyLimits;
use crate::secret::Secret;

/// More are for the database.
const MOST_KEYS: usize = 10_000;
/// Characters of a key that stands there itself. Shorter ones can be guessed, or are a part of one.
const SHORTEST_KEY: usize = 16;

/// Names the line, and quotes nothing of it.
#[derive(Debug, Error)]
pub enum KeyFileError {
    #[error("the keys file {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the keys file {}, line {line}: expected {expected}", path.display())]
    Line { path: PathBuf, line: usize, expected: &'static str },
    #[error("the keys file {} has more than {MOST_KEYS} keys: make them with `llm-inference-api keys create`", path.display())]
    TooMany { path: PathBuf },
}

/// Whether a server could start with it.
pub fn check_keys_file(path: &Path) -> Result<(), KeyFileError> {
    read(path).map(|_| ())
}

/// Read again when it changes.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug, Clone)]
struct Read {
    /// Length and time of the file that was read, or tried.
    stamp: Option<(u64, SystemTime)>,
    keys: Arc<[Listed]>,
}

impl KeyFile {
    pub(super) fn open(path: PathBuf) -> Result<Self, KeyFileError> {
        let stamp = stamp(&path);
        let keys = read(&path)?;
        Ok(Self { path, read: Mutex::new(Read { stamp, keys }) })
    }

    pub(super) fn keys(&self) -> Arc<[Listed]> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// A file that became unreadable, or wrong, leaves the former keys as they were.
    pub(super) fn read_again(&self) {
        let stamp = stamp(&self.path);
        let mut current = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp == current.stamp {
            return;
        }
        current.stamp = stamp;
        match read(&self.path) {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "the keys file was read again");
                current.keys = keys;
            }
            Err(error) => tracing::error!(%error, "the keys file has changed; the former keys stay in force"),
        }
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

fn read(path: &Path) -> Result<Arc<[Listed]>, KeyFileError> {
    let text = std::fs::read_to_string(path).map_err(|source| KeyFileError::Unreadable { path: path.to_owned(), source })?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |expected| KeyFileError::Line { path: path.to_owned(), line: index + 1, expected };
        keys.push(parse(line).map_err(wrong)?);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let expected = "a newline at its end (without one, the file may have been cut off)";
        return Err(KeyFileError::Line { path: path.to_owned(), line: text.lines().count(), expected });
    }
    if keys.len() > MOST_KEYS {
        return Err(KeyFileError::TooMany { path: path.to_owned() });
    }
    Ok(keys.into())
}

/// A key of the file, or what was expected in its place.
fn parse(line: &str) -> Result<Listed, &'static str> {
    let mut words = line.split_whitespace();
    let key = words.next().unwrap_or_default();
    let hash = match key.strip_prefix("sha256:") {
        Some(digits) => Hash::parse(digits).ok_or("64 hexadecimal digits after sha256:")?,
        None if key.len() < SHORTEST_KEY => return Err("a key of at least 16 characters"),
        None => Hash::of(&Secret::new(key)),
    };
    let mut listed = Listed {
        hash,
        name: hash.to_hex()[..8].to_owned(),
        organization: Caller::DEFAULT_ORGANIZATION.to_owned(),
        role: Role::User,
        models: Models::All,
        limits: KeyLimits::default(),
        expires: None,
    };
    for word in words {
        set(&mut listed, word)?;
    }
    Ok(listed)
}

fn set(listed: &mut Listed, word: &str) -> Result<(), &'static str> {
    let (field, value) = word.split_once('=').ok_or("field=value after the key")?;
    let number = || value.parse::<u64>().map_err(|_| "a whole number");
    match field {
        "name" => value.clone_into(&mut listed.name),
        "organization" if value.is_empty() => return Err("organization=name"),
        "organization" => value.clone_into(&mut listed.organization),
        "role" => listed.role = Role::parse(value).ok_or("role=user or role=admin")?,
        "models" => listed.models = Models::parse(value),
        "requests_per_minute" => listed.limits.requests_per_minute = Some(number()?),
        "tokens_per_minute" => listed.limits.tokens_per_minute = Some(number()?),
        "expires" => {
            let time: jiff::Timestamp = value.parse().map_err(|_| "a time such as expires=2027-01-01T00:00:00Z")?;
            listed.expires = Some(time.into());
        }
        _ => return Err("name, organization, role, models, requests_per_minute, tokens_per_minute or expires"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key_and_what_it_may() {
        let line = "a-long-random-text name=ci organization=acme role=admin models=a,b tokens_per_minute=5";
        let listed = parse(line).expect("a key");
        assert_eq!(listed.hash, Hash::of(&Secret::new("a-long-random-text")));
        assert_eq!((listed.name.as_str(), listed.organization.as_str(), listed.role), ("ci", "acme", Role::Admin));
        assert_eq!(listed.models, Models::These(vec!["a".into(), "b".into()]));
        assert_eq!(listed.limits, KeyLimits { requests_per_minute: None, tokens_per_minute: Some(5) });
        let hashed = parse("sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b").expect("a key");
        assert_eq!((hashed.hash, hashed.name.as_str()), (Hash::of(&Secret::new("secret")), "2bb80d53"));
    }

    fn read_text(text: &str) -> Result<usize, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        std::fs::write(&path, text).expect("a file");
        read(&path).map(|keys| keys.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn no_part_of_a_file_opens_what_the_whole_does_not() {
        let whole = "# ours\na-long-random-text expires=2027-01-01T00:00:00Z models=demo\nanother-long-random-text\n";
        assert_eq!(read_text(whole), Ok(2));
        for end in 1..whole.len() {
            let read = read_text(&whole[..end]);
            let is_whole = whole[..end].ends_with('\n');
            assert_eq!(read.is_ok(), is_whole, "{:?}: {read:?}", &whole[..end]);
        }
        let cut = read_text(&whole[..whole.len() - 3]).expect_err("it is cut off");
        assert!(cut.contains("line 3: expected a newline at its end"), "{cut}");
        let short = read_text("# ours\nshort\n").expect_err("it can be guessed");
        assert!(short.contains("line 2: expected a key of at least 16 characters") && !short.contains("short"), "{short}");
    }

    #[test]
    fn a_wrong_line_is_named_and_not_quoted() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        std::fs::write(&path, "# ours\n\na-long-secret-of-ours\nanother-secret-of-ours rolle=admin\n").expect("a file");
        let error = KeyFile::open(path).expect_err("a wrong field").to_string();
        assert!(error.contains("line 4: expected name, organization") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_is_not_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        std::fs::write(&path, "the-first-long-key\n").expect("a file");
        let file = KeyFile::open(path.clone()).expect("keys");
        std::fs::write(&path, "the-first-long-key\nthe-second-long-key\n").expect("a file");
        file.read_again();
        assert_eq!(file.keys().len(), 2);
        std::fs::write(&path, "the-first-long-key\nthe-second-long-key\nthe-third-long-key five\n").expect("a file");
        file.read_again();
        assert_eq!(file.keys().len(), 2);
    }
}
