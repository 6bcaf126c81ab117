//! Files of lines, the newest of which is written; the oldest go when all together are too large.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::Line;

/// Files that share the bytes there may be. What is lost with the oldest is an eighth of all at most.
const FILES: u64 = 8;

#[derive(Debug)]
pub struct Log {
    directory: PathBuf,
    /// Bytes of all files together.
    limit: u64,
    number: u64,
    file: File,
    bytes: u64,
    /// The last line may not be there to its end.
    is_cut_off: bool,
}

impl Log {
    /// Goes on behind what the directory holds already.
    pub fn open(directory: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let number = numbers(directory)?.last().copied().unwrap_or(1);
        let (file, bytes) = append(&path(directory, number))?;
        Ok(Self { directory: directory.to_owned(), limit, number, file, bytes, is_cut_off: false })
    }

    /// All that is there already, the oldest first. Lines that cannot be read (one was cut off when the power failed) are left out.
    pub fn lines(&self) -> io::Result<Vec<Line>> {
        lines(&self.directory)
    }

    pub fn push(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if self.bytes > 0 && self.bytes + text.len() as u64 > self.limit / FILES {
            self.number += 1;
            (self.file, self.bytes) = append(&path(&self.directory, self.number))?;
            self.remove_oldest()?;
        }
        if std::mem::take(&mut self.is_cut_off) {
            text.insert(0, b'\n');
        }
        // Should the disk be full half way, the next line begins anew.
        self.file.write_all(&text).inspect_err(|_| self.is_cut_off = true)?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// What is there and what may yet be written to the newest.
    fn remove_oldest(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for number in numbers(&self.directory)?.into_iter().filter(|number| *number < self.number) {
            let path = path(&self.directory, number);
            files.push((fs::metadata(&path)?.len(), path));
        }
        let mut total = files.iter().map(|(bytes, _)| bytes).sum::<u64>() + self.limit / FILES;
        for (bytes, path) in files {
            if total <= self.limit {
                break;
            }
            fs::remove_file(path)?;
            total -= bytes;
        }
        Ok(())
    }
}

/// Of a directory that need not be there.
pub(super) fn lines(directory: &Path) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for number in numbers(directory)? {
        for line in BufReader::new(File::open(path(directory, number))?).split(b'\n') {
            lines.extend(serde_json::from_slice::<Line>(&line?).ok());
        }
    }
    Ok(lines)
}

/// Sorted.
fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}.jsonl"))
}

/// For its owner alone: prompts are in it.
fn append(path: &Path) -> io::Result<(File, u64)> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    // A line that was cut off when the power failed ends here.
    if bytes > 0 {
        file.write_all(b"\n")?;
    }
    Ok((file, bytes))
}
