//! llama.cpp, to be measured beside: its `llama-bench` and its `llama-server`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::server;

pub(super) const NAME: &str = "llama.cpp";

/// The path at which `llama-server` says that it can answer.
pub(super) const READY: &str = "/health";

#[derive(Debug)]
pub(super) struct LlamaCpp {
    directory: PathBuf,
    threads: NonZeroUsize,
}

/// What `llama-bench` does: either a prompt is read, or tokens are generated, behind `depth` tokens of context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) depth: usize,
    pub(super) prompt: usize,
    pub(super) generate: usize,
}

impl LlamaCpp {
    /// The directory of its programs, or one of them.
    pub(super) fn at(path: &Path, threads: NonZeroUsize) -> Result<Self> {
        let directory = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        for program in ["llama-bench", "llama-server"] {
            ensure!(directory.join(program).is_file(), "there is no {program} in {}", directory.display());
        }
        Ok(Self { directory: directory.to_path_buf(), threads })
    }

    /// As it says itself.
    pub(super) fn version(&self) -> Result<String> {
        let mut command = Command::new(self.directory.join("llama-bench"));
        let output = command.arg("--version").output().context("cannot start llama-bench")?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Tokens a second.
    pub(super) fn measure(&self, model: &Path, test: Test) -> Result<f64> {
        let mut command = Command::new(self.directory.join("llama-bench"));
        let numbers = [
            ("--threads", self.threads.get()),
            ("--repetitions", 1),
            ("--n-depth", test.depth),
            ("--n-prompt", test.prompt),
            ("--n-gen", test.generate),
        ];
        for (name, number) in numbers {
            command.arg(name).arg(number.to_string());
        }
        let output =
            command.args(["--output", "json", "--model"]).arg(model).output().context("cannot start llama-bench")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "llama-bench failed: {}", errors.trim());
        let said = || [String::from_utf8_lossy(&output.stdout), errors.clone()].join("\n");
        speed(&output.stdout).with_context(|| format!("llama-bench gave no speed: {}", said().trim()))
    }

    /// Its server, for so many clients with so many tokens each. Nothing of a prompt is kept for later: no two are alike here.
    pub(super) fn server(&self, model: &Path, address: SocketAddr, clients: usize, tokens: usize) -> Command {
        let mut command = server::ending_with_us(&self.directory.join("llama-server"));
        let numbers = [
            ("--port", usize::from(address.port())),
            ("--threads", self.threads.get()),
            ("--parallel", clients),
            ("--ctx-size", clients * tokens),
            ("--cache-ram", 0),
        ];
        for (name, number) in numbers {
            command.arg(name).arg(number.to_string());
        }
        command.args(["--no-cache-prompt", "--no-webui", "--host"]).arg(address.ip().to_string());
        command.arg("--model").arg(model);
        command
    }
}

/// Of the one test in `llama-bench`'s JSON.
fn speed(output: &[u8]) -> Option<f64> {
    let tests: Value = serde_json::from_slice(output).ok()?;
    tests.as_array()?.first()?["avg_ts"].as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_read_from_what_llama_bench_writes() {
        let output = br#"[{"build_commit": "0c1e570", "n_prompt": 64, "n_gen": 0, "avg_ns": 444253164, "avg_ts": 144.062002,
            "samples_ts": [ 144.062 ]}]"#;
        assert_eq!(speed(output), Some(144.062_002));
        assert_eq!(speed(b"[]"), None);
        assert_eq!(speed(b"error: unknown argument"), None);
    }
}
