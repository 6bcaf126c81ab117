//! How much of the disk something takes.

use std::fs;
use std::path::Path;

/// Bytes of all files in a directory, as far as they can be counted. Links in it are not followed: what they lead to is counted
/// where it is.
pub(crate) fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_file_is_counted_once() {
        let directory = tempfile::tempdir().unwrap();
        let (blobs, snapshot) = (directory.path().join("blobs"), directory.path().join("snapshots/0123"));
        for directory in [&blobs, &snapshot] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(blobs.join("a"), "12345").unwrap();
        fs::write(snapshot.join("b"), "12").unwrap();
        symlink("../../blobs/a", snapshot.join("a")).unwrap();
        symlink("..", snapshot.join("circle")).unwrap();
        assert_eq!(size(directory.path()), 7);
        assert_eq!(size(&directory.path().join("nothing")), 0);
    }
}
