//! How much memory a process holds, as Linux counts it.

use std::fs;

use anyhow::{Context, Result};

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resident {
    /// At this moment, pages of mapped files included.
    pub(super) now: u64,
    /// At most so far.
    pub(super) peak: u64,
}

impl Resident {
    pub(super) fn of(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/status");
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        Self::read(&status).with_context(|| format!("{path} does not tell the memory"))
    }

    fn read(status: &str) -> Option<Self> {
        let bytes = |name: &str| -> Option<u64> {
            let kilobytes = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?;
            Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
        };
        Some(Self { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kilobytes() {
        let status = "Name:\tserver\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t 512 kB\n";
        assert_eq!(Resident::read(status), Some(Resident { now: 1 << 20, peak: 2 << 20 }));
        assert_eq!(Resident::read("Name:\tserver\n"), None);
    }
}
