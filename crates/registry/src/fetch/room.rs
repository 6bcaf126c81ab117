//! Room on the disk: a download leaves some to whoever shares it, such as the database that keys and quotas are in.

use std::fs;
use std::path::Path;

use super::FetchError;

const LEFT_TO_OTHERS: u64 = 16 << 20;

/// Fails if there is not enough for what is to come, so that nothing is downloaded in vain.
pub(crate) fn ensure(directory: &Path, bytes: u64) -> Result<(), FetchError> {
    match of(directory) {
        Some(room) if bytes > room => Err(FetchError::NoRoom { directory: directory.to_owned(), bytes, room }),
        _ => Ok(()),
    }
}

/// Whether somebody has taken the room since.
pub(super) fn is_gone(directory: &Path) -> bool {
    of(directory) == Some(0)
}

/// What is still to come of a file, of which a part may be here.
pub(crate) fn missing(size: u64, partial: &Path) -> u64 {
    size.saturating_sub(fs::metadata(partial).map_or(0, |metadata| metadata.len()))
}

/// `None` where it cannot be said.
fn of(directory: &Path) -> Option<u64> {
    // It may be there only later.
    let directory = directory.ancestors().find(|ancestor| ancestor.is_dir())?;
    // Some say nothing of their size.
    let disk = rustix::fs::statvfs(directory).ok().filter(|disk| disk.f_blocks > 0)?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize).saturating_sub(LEFT_TO_OTHERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_before_it_comes() {
        let place = tempfile::tempdir().unwrap();
        let later = place.path().join("a/b");
        ensure(&later, 1).unwrap();
        let refused = ensure(&later, u64::MAX).unwrap_err().to_string();
        assert!(refused.contains("18446744073709551615 bytes are to come"), "{refused}");
    }

    #[test]
    fn what_is_here_of_a_file_does_not_come_again() {
        let place = tempfile::tempdir().unwrap();
        let partial = place.path().join("a.part");
        assert_eq!(missing(5, &partial), 5);
        fs::write(&partial, "abc").unwrap();
        assert_eq!((missing(5, &partial), missing(2, &partial)), (2, 0));
    }
}
