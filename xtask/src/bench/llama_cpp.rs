//! llama.cpp's figures for the same file, if its `llama-bench` is installed.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::model::Workload;
use super::report::{Report, Row};

/// Adds a row for each test that `llama-bench` reports; none if it is not there or does not read the file.
pub(super) fn measure(path: &Path, workload: Workload, report: &mut Report) {
    let number = |value: usize| value.to_string();
    let output = Command::new("llama-bench")
        .arg("--model")
        .arg(path)
        .args(["--threads", &number(workload.threads.get()), "--repetitions", "2", "--output", "json"])
        .args(["--n-prompt", &number(workload.prompt), "--n-gen", &number(workload.generate)])
        .output();
    let Ok(output) = output else { return };
    let tests: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for test in tests.as_array().map(Vec::as_slice).unwrap_or_default() {
        let Some(speed) = test["avg_ts"].as_f64() else { continue };
        let name = match test["n_prompt"].as_u64() {
            Some(tokens) if tokens > 0 => format!("llama.cpp, prompt of {tokens}"),
            _ => "llama.cpp, 1 sequence".to_owned(),
        };
        report.push(Row::speed(name, speed, "tokens/s"));
    }
}
