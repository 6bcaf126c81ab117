//! `cargo xtask tidy`: the rules of the house that no compiler and no lint checks.
//!
//! Each rule is a function from a file's path and text to the places that break it, so that its tests need no files.

mod arrows;
mod knowledge;
mod shape;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::repository;

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: PathBuf,
    line: usize,
    reason: String,
}

impl Finding {
    fn new(file: &Path, line: usize, reason: impl Into<String>) -> Self {
        Self { file: file.to_path_buf(), line, reason: reason.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file.display(), self.line, self.reason)
    }
}

/// Files without which the repository does not explain itself.
const REQUIRED: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "deny.toml",
    "docs/PERFORMANCE.md",
    ".ci/run",
];

/// Prints every finding; whether there was none.
pub(crate) fn run() -> Result<bool> {
    let findings = findings()?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.is_empty())
}

fn findings() -> Result<Vec<Finding>> {
    let root = repository::root();
    let mut findings = arrows::check(&root)?;
    for required in REQUIRED.iter().filter(|required| !root.join(required).is_file()) {
        findings.push(Finding::new(Path::new(required), 1, "this file is missing"));
    }
    for file in repository::files(&root)? {
        findings.extend(shape::names(&file));
        // What is not UTF-8 is data.
        let Ok(text) = fs::read_to_string(root.join(&file)) else { continue };
        findings.extend(shape::text(&file, &text));
        findings.extend(knowledge::text(&file, &text));
    }
    findings.sort();
    Ok(findings)
}
