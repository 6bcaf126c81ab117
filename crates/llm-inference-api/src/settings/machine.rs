//! What the machine offers, from which some defaults follow. Read once, handed to `resolve`.

use std::collections::BTreeSet;
use std::fs;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Threads that can run at once, within the limits of a container.
    pub(crate) cores: NonZeroUsize,
    /// The same without the second threads of a core: they share the arithmetic units that an engine keeps busy.
    pub(crate) physical_cores: NonZeroUsize,
    /// Bytes that could be taken without swapping, within the limits of a container.
    pub(crate) free_memory: Option<u64>,
    /// Whether somebody reads stderr.
    pub(crate) terminal: bool,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let physical = physical_cores(Path::new("/sys/devices/system/cpu"), &read("/proc/self/status"));
        Self {
            cores,
            physical_cores: physical.map_or(cores, |physical| physical.min(cores)),
            free_memory: free_memory(),
            terminal: std::io::stderr().is_terminal(),
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The distinct cores among the CPUs that this process may run on.
fn physical_cores(cpus: &Path, status: &str) -> Option<NonZeroUsize> {
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let cores: BTreeSet<(String, String)> = numbers_of(allowed)
        .filter_map(|cpu| {
            let topology = cpus.join(format!("cpu{cpu}/topology"));
            let package = fs::read_to_string(topology.join("physical_package_id")).ok()?;
            Some((package, fs::read_to_string(topology.join("core_id")).ok()?))
        })
        .collect();
    NonZeroUsize::new(cores.len())
}

/// `0-3,8` as Linux writes sets of CPUs.
fn numbers_of(list: &str) -> impl Iterator<Item = usize> + '_ {
    list.trim()
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.trim().parse().ok()?..=last.trim().parse::<usize>().ok()?)
        })
        .flatten()
}

fn free_memory() -> Option<u64> {
    let available = available_memory(&read("/proc/meminfo"))?;
    let left_in_container = [
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ]
    .into_iter()
    .filter_map(|(limit, used)| {
        let limit: u64 = read(limit).trim().parse().ok()?;
        Some(limit.saturating_sub(read(used).trim().parse().ok()?))
    });
    left_in_container.chain([available]).min()
}

fn available_memory(meminfo: &str) -> Option<u64> {
    let kilobytes = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?.trim().strip_suffix("kB")?;
    kilobytes.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_cpus_are_read() {
        assert_eq!(numbers_of("0-3,8,10-11\n").collect::<Vec<_>>(), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(numbers_of("").count(), 0);
    }

    #[test]
    fn two_threads_of_a_core_count_once() {
        let cpus = tempfile::tempdir().unwrap();
        for (cpu, core) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
            let topology = cpus.path().join(format!("cpu{cpu}/topology"));
            fs::create_dir_all(&topology).unwrap();
            fs::write(topology.join("physical_package_id"), "0\n").unwrap();
            fs::write(topology.join("core_id"), format!("{core}\n")).unwrap();
        }
        let cores = |status: &str| physical_cores(cpus.path(), status).map(NonZeroUsize::get);
        assert_eq!(cores("Cpus_allowed_list:\t0-3\n"), Some(2));
        assert_eq!(cores("Cpus_allowed_list:\t0-1\n"), Some(1));
        assert_eq!(cores(""), None);
    }

    #[test]
    fn available_memory_is_read_in_kilobytes() {
        assert_eq!(available_memory("MemTotal: 8 kB\nMemAvailable:    1024 kB\n"), Some(1 << 20));
        assert_eq!(available_memory("MemTotal: 8 kB\n"), None);
    }
}
