//! Counting what passed and what failed, over tools that each say so in their own words.

use std::fmt;
use std::process::Command;

use super::{heading, script};

#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    not_run: Vec<String>,
}

impl Tally {
    pub(super) fn passed(&mut self, count: usize) {
        self.passed += count;
    }

    pub(super) fn failed(&mut self, count: usize) {
        self.failed += count;
    }

    /// Runs a command that either is content or not.
    pub(super) fn check(&mut self, title: &str, mut command: Command) {
        heading(title);
        match script::stream(&mut command, |_| ()) {
            Ok(true) => self.passed(1),
            Ok(false) => self.failed(1),
            Err(error) => self.could_not_start(title, &error),
        }
    }

    /// Runs a command that prints how many of its tests passed and failed.
    pub(super) fn tests(&mut self, title: &str, mut command: Command) {
        heading(title);
        let (mut passed, mut failed) = (0, 0);
        let outcome = script::stream(&mut command, |line| {
            if let Some(counts) = counts(line) {
                passed += counts.0;
                failed += counts.1;
            }
        });
        self.passed(passed);
        self.failed(failed);
        match outcome {
            // It failed before or after its tests: when compiling, for instance.
            Ok(false) if failed == 0 => self.failed(1),
            Ok(_) => {}
            Err(error) => self.could_not_start(title, &error),
        }
    }

    /// Tests that failed so far.
    pub(super) fn failures(&self) -> usize {
        self.failed
    }

    /// Notes a part that this machine cannot run.
    pub(super) fn leave_out(&mut self, reason: impl Into<String>) {
        self.not_run.push(reason.into());
    }

    pub(super) fn not_run(&self) -> &[String] {
        &self.not_run
    }

    pub(super) fn count_not_run_as_failed(&mut self) {
        self.failed += self.not_run.len();
    }

    pub(super) fn is_good(&self) -> bool {
        self.failed == 0
    }

    fn could_not_start(&mut self, title: &str, error: &anyhow::Error) {
        println!("{title}: {error:#}");
        self.failed(1);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// (passed, failed) if the line is the summary of cargo test, nextest, pytest or node's runner.
fn counts(line: &str) -> Option<(usize, usize)> {
    let line = line.trim().trim_matches('=').trim();
    if let Some(count) = line.strip_prefix("# pass ") {
        return Some((count.parse().ok()?, 0));
    }
    if let Some(count) = line.strip_prefix("# fail ") {
        return Some((0, count.parse().ok()?));
    }
    let summary = line.starts_with("test result:") || line.starts_with("Summary [");
    let pytest = line.contains(" in ") && line.ends_with('s') && line.starts_with(|first: char| first.is_ascii_digit());
    if !summary && !pytest {
        return None;
    }
    let passed = number_before(line, "passed");
    let failed = ["failed", "timed out", "error", "errors"].map(|word| number_before(line, word).unwrap_or(0)).iter().sum();
    (passed.is_some() || failed > 0).then(|| (passed.unwrap_or(0), failed))
}

fn number_before(line: &str, word: &str) -> Option<usize> {
    let parts: Vec<&str> = line.split([' ', ',', ';', ':', '.']).filter(|part| !part.is_empty()).collect();
    let words: Vec<&str> = word.split(' ').collect();
    let at = parts.windows(words.len()).position(|window| window == words)?;
    parts.get(at.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_is_understood() {
        assert_eq!(counts("test result: FAILED. 3 passed; 1 failed; 0 ignored; finished in 0.01s"), Some((3, 1)));
        assert_eq!(counts("     Summary [   0.02s] 12 tests run: 11 passed (1 slow), 1 failed, 0 skipped"), Some((11, 1)));
        assert_eq!(counts("== 2 failed, 5 passed in 1.20s =="), Some((5, 2)));
        assert_eq!(counts("5 passed, 1 error in 1.20s"), Some((5, 1)));
        assert_eq!(counts("# pass 4"), Some((4, 0)));
        assert_eq!(counts("# fail 2"), Some((0, 2)));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(counts("running 3 tests"), None);
        assert_eq!(counts("12 tables in 3 schemas"), None);
    }
}
