//! Small files that are written anew as a whole.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FetchError;

/// So that no two writers of this process have the same file under way.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Who reads it sees the former text or this one. Of several writers at once, one is the last. What is the same already is not
/// written: a disk that is full, or may only be read, does not take away what is on it.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), FetchError> {
    if fs::read(path).is_ok_and(|former| former == text.as_bytes()) {
        return Ok(());
    }
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_added_extension(format!("{}-{number}.incomplete", std::process::id()));
    let written = || -> io::Result<()> {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&partial, text)?;
        fs::rename(&partial, path)
    };
    written().map_err(|source| {
        let _ = fs::remove_file(&partial);
        FetchError::Disk { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_who_write_at_once_leave_one_whole_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("refs/main");
        let texts: Vec<String> = (0..8).map(|writer| writer.to_string().repeat(1000)).collect();
        std::thread::scope(|scope| {
            for text in &texts {
                scope.spawn(|| (0..50).for_each(|_| replace(&path, text).unwrap()));
            }
        });
        assert!(texts.contains(&fs::read_to_string(&path).unwrap()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
