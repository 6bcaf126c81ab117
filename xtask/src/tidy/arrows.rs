//! Which crate may depend on which: the arrows of ARCHITECTURE.md, and the libraries that only some crates know.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Finding;

/// The arrows between our own crates. A crate that is not here may be named by nobody and names nobody.
const ARROWS: [(&str, &[&str]); 16] = [
    ("accounts", &[]),
    ("backend", &[]),
    ("kernels", &[]),
    ("checkpoint", &["kernels"]),
    ("decoding", &["backend", "checkpoint", "kernels"]),
    ("encoder", &["backend", "checkpoint", "kernels"]),
    ("engine", &["backend", "checkpoint", "decoding", "kernels"]),
    ("mistralrs-engine", &["backend", "checkpoint", "decoding"]),
    ("gateway", &["backend", "openai", "telemetry"]),
    ("openai", &["backend"]),
    ("telemetry", &["backend"]),
    ("registry", &["checkpoint"]),
    ("scorer", &[]),
    ("serving", &["accounts", "backend", "registry", "scorer", "telemetry"]),
    ("api", &["backend", "openai", "serving", "telemetry"]),
    ("testkit", &["backend", "checkpoint", "serving", "api", "telemetry", "registry"]),
];

/// Those that bring the others together: the binary, and the tools, one of which measures and makes models.
const MAKERS: [&str; 3] = ["llm-inference-api", "bench", "xtask"];

/// Libraries that stay behind one door.
const DOORS: [(&str, &[&str]); 9] = [
    ("axum", &["api", "testkit"]),
    ("tower-http", &["api"]),
    ("reqwest", &["gateway", "registry"]),
    // The binary asks its own server how it is.
    ("ureq", &["gateway", "registry", "llm-inference-api"]),
    ("hf-hub", &["registry"]),
    // bench's are the clients of a measurement: they share the processors with the server and must cost next to nothing.
    // telemetry makes one call to the collector in seconds.
    ("hyper-util", &["api", "gateway", "registry", "telemetry", "bench"]),
    ("sqlx", &["accounts"]),
    ("mistralrs", &["mistralrs-engine"]),
    ("anyhow", &MAKERS),
];

/// Every dependency that points the wrong way, with its line in the `Cargo.toml`.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let text = fs::read_to_string(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        for (dependency, reason) in wrong_arrows(package, &names) {
            let file = manifest.strip_prefix(root).unwrap_or(manifest);
            findings.push(Finding::new(file, line_of(&text, &dependency), reason));
        }
    }
    Ok(findings)
}

/// (dependency, reason) for each wrong one of a package as `cargo metadata` describes it.
fn wrong_arrows(package: &Value, ours: &[&str]) -> Vec<(String, String)> {
    let name = package["name"].as_str().unwrap_or_default();
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies
        .iter()
        .filter_map(|dependency| {
            let target = dependency["name"].as_str()?;
            let reason = wrong_arrow(name, target, dependency["kind"] == "dev", ours.contains(&target))?;
            Some((target.to_owned(), reason))
        })
        .collect()
}

fn wrong_arrow(from: &str, to: &str, for_tests: bool, ours: bool) -> Option<String> {
    if let Some((_, allowed)) = DOORS.iter().find(|(library, _)| *library == to) {
        // A test may speak HTTP or keep it short; what is shipped may not.
        let permitted = for_tests || allowed.contains(&from);
        return (!permitted).then(|| format!("{from} must not know {to}: that is for {}", allowed.join(" and ")));
    }
    if !ours || MAKERS.contains(&from) {
        return None;
    }
    if to == "testkit" {
        return (!for_tests).then(|| format!("{from} ships testkit, which is for tests"));
    }
    let allowed = ARROWS.iter().find(|(name, _)| *name == from).map(|(_, allowed)| *allowed).unwrap_or_default();
    let permitted = for_tests || allowed.contains(&to);
    (!permitted).then(|| format!("no arrow leads from {from} to {to} (xtask/src/tidy/arrows.rs has them all)"))
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        let rest = line.trim_start().strip_prefix(dependency);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_run_downwards_only() {
        assert_eq!(wrong_arrow("serving", "backend", false, true), None);
        assert!(wrong_arrow("backend", "serving", false, true).is_some());
        assert!(wrong_arrow("serving", "engine", false, true).is_some());
        assert_eq!(wrong_arrow("llm-inference-api", "engine", false, true), None);
    }

    #[test]
    fn a_library_stays_behind_its_door() {
        assert!(wrong_arrow("serving", "axum", false, false).is_some());
        assert_eq!(wrong_arrow("api", "axum", false, false), None);
        assert_eq!(wrong_arrow("serving", "axum", true, false), None);
    }

    #[test]
    fn testkit_is_for_tests() {
        assert!(wrong_arrow("api", "testkit", false, true).is_some());
        assert_eq!(wrong_arrow("api", "testkit", true, true), None);
    }

    #[test]
    fn a_dependency_is_found_by_its_line() {
        assert_eq!(line_of("[dependencies]\naxum-core = 1\naxum.workspace = true\n", "axum"), 3);
    }
}
