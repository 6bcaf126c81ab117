//! How long a process and its children have run on any processor, as Linux counts it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux counts in hundredths of a second here, whatever the kernel's own clock does.
const TICK: Duration = Duration::from_millis(10);

/// Of the process and of all that it started and that still run.
pub(super) fn time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("cannot read a process's time")?;
    let own = ticks(&stat).context("a process's time is no number")?;
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    // One that has just ended has no time to tell.
    Ok(TICK * own + children.filter_map(|child| time(child).ok()).sum::<Duration>())
}

/// In the user's code and in the kernel's. The name before them may have spaces and brackets.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(field(11)? + field(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_bracket_is_no_hindrance() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn this_process_has_run() {
        let start = time(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while time(std::process::id()).unwrap() < start + TICK * 2 {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
    }
}
