//! The tests of a program that is built with mistral.rs. From nothing that takes a quarter of an hour, so they run where something
//! has changed that they depend on: a stamp beside the crate says for which state of all that they passed last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::need::need;
use super::tally::Tally;
use super::{cargo, heading};
use crate::repository;

/// What the tests passed for, as [`state`] says it. Committed with what it is a stamp of.
const STAMP: &str = "crates/mistralrs-engine/tests/passed";

/// Whatever lies below these counts: the engine, what it is built on, and what is compiled otherwise for it.
const INPUTS: [&str; 15] = [
    "crates/mistralrs-engine/",
    "crates/backend/src/",
    "crates/checkpoint/src/",
    "crates/decoding/src/",
    "crates/testkit/fixtures/models/hf/",
    "crates/testkit/src/contract.rs",
    "crates/llm-inference-api/Cargo.toml",
    "crates/llm-inference-api/src/assemble.rs",
    "crates/llm-inference-api/src/runner.rs",
    "crates/llm-inference-api/src/second_engine.rs",
    "crates/llm-inference-api/src/settings/file/",
    "crates/llm-inference-api/src/settings/placement.rs",
    "crates/llm-inference-api/tests/second_engine.rs",
    "rust-toolchain.toml",
    "xtask/src/test/second_engine.rs",
];

/// The package whose dependencies count too, each in the version of the lock file.
const LIBRARY: &str = "mistralrs";

/// Tiny models are run faster than some seven hundred crates are optimised for it.
const QUICK_TO_BUILD: [&str; 6] = [
    "profile.dev.package.\"*\".opt-level=0",
    "profile.dev.package.decoding.opt-level=1",
    "profile.dev.package.encoder.opt-level=1",
    "profile.dev.package.engine.opt-level=1",
    "profile.dev.package.kernels.opt-level=1",
    "profile.dev.package.scorer.opt-level=1",
];

const TITLE: &str = "mistral.rs on the processor";

pub(super) fn run(root: &Path, tally: &mut Tally) {
    let state = match state(root) {
        Ok(state) => state,
        Err(error) => {
            heading(TITLE);
            println!("{error:#}");
            return tally.failed(1);
        }
    };
    let stamp = root.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|passed| passed.trim() == state) {
        heading(TITLE);
        println!("passed before, for just what is here ({STAMP})");
        return tally.passed(1);
    }
    // What a plain build needs no more of than a C compiler.
    for (program, packages) in [("cmake", &["cmake"]), ("c++", &["g++"])] {
        if let Err(error) = need(Command::new(program).arg("--version"), program, packages) {
            return tally.leave_out(format!("{TITLE}: {error:#}"));
        }
    }
    let failed = tally.failures();
    tally.tests(TITLE, tests(root));
    if tally.failures() == failed
        && let Err(error) = fs::write(&stamp, format!("{state}\n"))
    {
        println!("{}: {error}", stamp.display());
        tally.failed(1);
    }
}

/// In a directory of its own: with other features of what both depend on, a build of one would replace that of the other.
fn tests(root: &Path) -> Command {
    let target = target(root).join("mistralrs");
    let packages = ["--package", "mistralrs-engine", "--package", "llm-inference-api"];
    let mut command = cargo(root, &["test", "--no-fail-fast", "--features", "llm-inference-api/mistralrs"]);
    command
        .args(QUICK_TO_BUILD.iter().flat_map(|setting| ["--config", setting]))
        .args(packages)
        .args(["--lib", "--bins", "--test", "it", "--test", "second_engine", "--target-dir"])
        .arg(target);
    command
}

/// Where cargo builds: this program lies two directories below it, or `CARGO_TARGET_DIR` names it.
fn target(root: &Path) -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|tool| Some(tool.parent()?.parent()?.to_path_buf()));
    beside.unwrap_or_else(|| root.join("target"))
}

/// What the tests depend on, as one number: the same for as long as the toolchain is, which is among the inputs.
fn state(root: &Path) -> Result<String> {
    let mut state = DefaultHasher::new();
    for file in repository::files(root)? {
        let name = file.to_string_lossy().replace('\\', "/");
        if name != STAMP && INPUTS.iter().any(|input| name.starts_with(input)) {
            let text = fs::read(root.join(&file)).with_context(|| format!("cannot read {name}"))?;
            (name, text).hash(&mut state);
        }
    }
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    behind(LIBRARY, &lock).hash(&mut state);
    Ok(format!("{:016x}", state.finish()))
}

/// The packages of a lock file that one of them leads to, itself among them: "name version".
fn behind(package: &str, lock: &str) -> BTreeSet<String> {
    let packages: BTreeMap<String, Vec<&str>> = lock.split("[[package]]").skip(1).filter_map(described).collect();
    let mut found = BTreeSet::new();
    let mut next = vec![package];
    while let Some(named) = next.pop() {
        // Where there is one version only, it is not said.
        let is_named = |full: &str| full == named || full.split_once(' ').is_some_and(|(name, _)| name == named);
        for (full, dependencies) in packages.iter().filter(|(full, _)| is_named(full)) {
            if found.insert(full.clone()) {
                next.extend(dependencies);
            }
        }
    }
    found
}

/// "name version" of an entry, and what it depends on, in the same words or without the version.
fn described(entry: &str) -> Option<(String, Vec<&str>)> {
    let value = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
    let dependencies = entry.split_once("dependencies = [").map_or("", |(_, rest)| rest);
    let dependencies = dependencies.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    Some((format!("{} {}", value("name")?, value("version")?), dependencies.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
[[package]]
name = "mistralrs"
version = "1.0.0"
dependencies = [
 "a",
 "b 2.0.0",
]

[[package]]
name = "a"
version = "1.0.0"

[[package]]
name = "b"
version = "1.0.0"

[[package]]
name = "b"
version = "2.0.0"
dependencies = [
 "mistralrs",
]

[[package]]
name = "other"
version = "1.0.0"
dependencies = [
 "a",
]
"#;

    #[test]
    fn what_a_package_leads_to_is_found_in_its_version() {
        let found: Vec<_> = behind("mistralrs", LOCK).into_iter().collect();
        assert_eq!(found, ["a 1.0.0", "b 2.0.0", "mistralrs 1.0.0"]);
    }

    #[test]
    fn what_is_here_has_a_state() {
        assert_eq!(state(&repository::root()).unwrap().len(), 16);
    }
}
