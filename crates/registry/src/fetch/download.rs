//! One file: continued where an earlier attempt ended, checked, and only then given its name.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::{Digest, FetchError, Network, Reply, room};

/// A file to get.
#[derive(Debug)]
pub(crate) struct Download<'a> {
    /// For messages.
    pub(crate) name: &'a str,
    pub(crate) url: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) size: Option<u64>,
    pub(crate) digest: Option<Digest>,
}

/// Gets a file to `destination` by way of `partial`, which a later attempt continues. `at` is told how many of its bytes are here.
pub(crate) fn download(
    network: &Network,
    wanted: &Download<'_>,
    partial: &Path,
    destination: &Path,
    at: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let mut partial = Partial::open(partial, wanted)?;
    let (mut attempt, mut furthest) = (1, partial.length);
    while let Err(error) = continued(network, wanted, &mut partial, at) {
        // What brings more than ever was there may be repeated: the file has an end. Whoever begins anew each time gets nowhere.
        let progress = partial.length > furthest;
        furthest = furthest.max(partial.length);
        attempt = if progress { 1 } else { attempt + 1 };
        if !error.may_pass() || attempt > network.patience().attempts {
            return Err(error);
        }
        network.pause(attempt);
    }
    partial.finish(wanted, destination)
}

/// Holds a lock while it works: of two processes, and of two threads, one waits and then finds the work done. A lock
/// ends with the process that holds it, so that the wait ends too.
pub(crate) fn locked<T>(lock: &Path, work: impl FnOnce() -> Result<T, FetchError>) -> Result<T, FetchError> {
    let failed = |source| FetchError::Disk { path: lock.to_owned(), source };
    if let Some(parent) = lock.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(lock).map_err(failed)?;
    file.lock().map_err(failed)?;
    work()
}

/// What has been received of a file.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    file: File,
    /// Bytes that are there.
    length: u64,
}

impl Partial {
    fn open(path: &Path, wanted: &Download<'_>) -> Result<Self, FetchError> {
        let failed = |source| FetchError::Disk { path: path.to_owned(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(failed)?;
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut partial = Self { path: path.to_owned(), file, length };
        if wanted.size.is_some_and(|size| length > size) {
            partial.empty()?;
        }
        Ok(partial)
    }

    fn failed(&self, source: io::Error, wanted: &Download<'_>) -> FetchError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => self.is_full(wanted),
            _ => FetchError::Disk { path: self.path.clone(), source },
        }
    }

    fn is_full(&self, wanted: &Download<'_>) -> FetchError {
        FetchError::DiskFull { directory: self.directory().to_owned(), file: wanted.name.to_owned() }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    fn empty(&mut self) -> Result<(), FetchError> {
        if self.length == 0 {
            return Ok(());
        }
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        self.length = 0;
        emptied.map_err(|source| FetchError::Disk { path: self.path.clone(), source })
    }

    /// Which state of the file on the server this is a part of, where no checksum tells.
    fn tag(&self) -> PathBuf {
        self.path.with_added_extension("etag")
    }

    fn remembers(&self, reply: &Reply) -> bool {
        let remembered = fs::read_to_string(self.tag()).ok();
        remembered.is_some() && remembered.as_deref() == reply.header("etag")
    }

    fn remember(&self, reply: &Reply) -> Result<(), FetchError> {
        let path = self.tag();
        let written = match reply.header("etag") {
            Some(tag) => fs::write(&path, tag),
            None => fs::remove_file(&path)
                .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }),
        };
        written.map_err(|source| FetchError::Disk { path, source })
    }

    fn finish(self, wanted: &Download<'_>, destination: &Path) -> Result<(), FetchError> {
        self.file.sync_all().map_err(|source| self.failed(source, wanted))?;
        if let Some(digest) = &wanted.digest {
            let found = digest.found(&self.path).map_err(|source| self.failed(source, wanted))?;
            if found != digest.expected() {
                let _ = fs::remove_file(&self.path);
                let (file, expected) = (wanted.name.to_owned(), digest.expected().to_owned());
                return Err(FetchError::Checksum { file, expected, found });
            }
        }
        fs::rename(&self.path, destination).map_err(|source| self.failed(source, wanted))?;
        let _ = fs::remove_file(self.tag());
        Ok(())
    }
}

/// One attempt at what is missing.
fn continued(
    network: &Network,
    wanted: &Download<'_>,
    partial: &mut Partial,
    at: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    at(partial.length);
    if wanted.size == Some(partial.length) {
        return Ok(());
    }
    let mut reply = network.get(wanted.url, wanted.authorization, partial.length)?;
    match reply.status() {
        200 => partial.empty()?,
        206 if begins_at(&reply) == Some(partial.length) && (wanted.digest.is_some() || partial.remembers(&reply)) => {}
        206 | 416 => {
            partial.empty()?;
            return Err(FetchError::Changed { file: wanted.name.to_owned() });
        }
        status => {
            let message = reply.text().unwrap_or_default();
            return Err(FetchError::Answered { host: reply.host, status, message });
        }
    }
    if wanted.digest.is_none() {
        partial.remember(&reply)?;
    }
    take(&mut reply, wanted, partial, at)
}

/// The first byte of a part.
fn begins_at(reply: &Reply) -> Option<u64> {
    reply.header("content-range")?.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

fn take(reply: &mut Reply, wanted: &Download<'_>, partial: &mut Partial, at: &mut dyn FnMut(u64)) -> Result<(), FetchError> {
    let cut_off = |received, source| FetchError::CutOff { file: wanted.name.to_owned(), received, source };
    let mut body = reply.response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = body.read(&mut buffer).map_err(|source| cut_off(partial.length, Some(source)))?;
        if read == 0 {
            break;
        }
        if room::is_gone(partial.directory()) {
            return Err(partial.is_full(wanted));
        }
        partial.file.write_all(&buffer[..read]).map_err(|source| partial.failed(source, wanted))?;
        partial.length += read as u64;
        at(partial.length);
        if let Some(expected) = wanted.size.filter(|size| partial.length > *size) {
            let _ = fs::remove_file(&partial.path);
            return Err(FetchError::Length { file: wanted.name.to_owned(), expected, found: partial.length });
        }
    }
    match wanted.size {
        Some(size) if partial.length < size => Err(cut_off(partial.length, None)),
        _ => Ok(()),
    }
}
