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
    let left_in_container = [("/sys/fs/cgroup", V2), ("/sys/fs/cgroup/memory", V1)]
        .into_iter()
        .filter_map(|(directory, names)| left_in_container(Path::new(directory), names));
    left_in_container.chain([available]).min()
}

/// What the files of a control group are called: its limit, what is used of it, and what of that is of files that nobody has looked
/// at lately, as of a model that was just downloaded: that goes as soon as somebody needs the memory.
type GroupNames = [&'static str; 3];

const V2: GroupNames = ["memory.max", "memory.current", "inactive_file"];
const V1: GroupNames = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];

fn left_in_container(directory: &Path, [limit, used, spare]: GroupNames) -> Option<u64> {
    let read = |name| fs::read_to_string(directory.join(name)).ok();
    let number = |name| read(name)?.trim().parse::<u64>().ok();
    let statistics = read("memory.stat").unwrap_or_default();
    let named = |line: &str| line.split_once(' ').filter(|(name, _)| *name == spare)?.1.parse::<u64>().ok();
    let spare = statistics.lines().find_map(named).unwrap_or(0);
    Some(number(limit)?.saturating_sub(number(used)?.saturating_sub(spare)))
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
    fn what_files_take_in_a_container_is_free() {
        let group = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(group.path().join(name), text).unwrap();
        write("memory.max", "1000\n");
        assert_eq!(left_in_container(group.path(), V2), None);
        write("memory.current", "900\n");
        assert_eq!(left_in_container(group.path(), V2), Some(100));
        write("memory.stat", "anon 300\ninactive_file 500\nactive_file 100\n");
        assert_eq!(left_in_container(group.path(), V2), Some(600));
        write("memory.max", "max\n");
        assert_eq!(left_in_container(group.path(), V2), None);
    }

    #[test]
    fn available_memory_is_read_in_kilobytes() {
        assert_eq!(available_memory("MemTotal: 8 kB\nMemAvailable:    1024 kB\n"), Some(1 << 20));
        assert_eq!(available_memory("MemTotal: 8 kB\n"), None);
    }
}
