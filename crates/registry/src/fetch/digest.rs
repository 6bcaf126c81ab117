//! Checksums, as the Hub names its files by them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What the bytes of a file must come to, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Digest {
    /// Of the bytes, as files in LFS have it.
    Sha256(String),
    /// Of git's blob: `blob <length>\0`, and the bytes.
    Git(String),
}

impl Digest {
    /// The Hub's ETag of a file is its SHA-256 in LFS and git's own name of it elsewhere; a mirror may have another.
    pub(crate) fn of_etag(etag: &str) -> Option<Self> {
        let hexadecimal = etag.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match etag.len() {
            64 if hexadecimal => Some(Self::Sha256(etag.to_owned())),
            40 if hexadecimal => Some(Self::Git(etag.to_owned())),
            _ => None,
        }
    }

    pub(crate) fn expected(&self) -> &str {
        match self {
            Self::Sha256(digest) | Self::Git(digest) => digest,
        }
    }

    /// What a file comes to, by the same method.
    pub(crate) fn found(&self, path: &Path) -> io::Result<String> {
        let mut file = File::open(path)?;
        match self {
            Self::Sha256(_) => run(Sha256::new(), &mut file),
            Self::Git(_) => {
                let length = file.metadata()?.len();
                run(Sha1::new_with_prefix(format!("blob {length}\0")), &mut file)
            }
        }
    }
}

fn run(mut hasher: impl sha2::Digest, file: &mut File) -> io::Result<String> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// By which a text can be told from others, in 16 digits, and not be read.
pub(crate) fn fingerprint(text: &str) -> String {
    let mut digits = hexadecimal(&Sha256::digest(text));
    digits.truncate(16);
    digits
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_git_and_lfs_name_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello\n").unwrap();
        // `git hash-object` and `sha256sum` of the same bytes.
        for expected in
            ["ce013625030ba8dba906f756967f9e9ca394464a", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"]
        {
            let digest = Digest::of_etag(expected).unwrap();
            assert_eq!(digest.found(file.path()).unwrap(), digest.expected());
        }
        assert_eq!(Digest::of_etag("W/abc"), None);
    }
}
