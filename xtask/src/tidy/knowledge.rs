//! What a crate's code may speak of: `unsafe`, the environment, and wire shapes each have one place.

use std::path::Path;

use super::Finding;

/// Where `unsafe` may be written, and why.
const UNSAFE: [&str; 2] = [
    "crates/kernels/",
    // Mapping a file and giving its pages back are unsafe, and need a file, which kernels never sees.
    "crates/checkpoint/src/storage.rs",
];

/// Where the environment may be read.
const ENVIRONMENT: [&str; 3] = [
    "crates/llm-inference-api/src/settings",
    "xtask/",
    // Tests learn from it which PostgreSQL is there for them.
    "crates/accounts/tests/it/database.rs",
];

/// Crates whose public types are the domain and not a wire format.
const DOMAIN: [&str; 4] = ["crates/backend/src", "crates/serving/src", "crates/accounts/src", "crates/registry/src"];

/// Everything in a Rust file that its crate is not meant to know.
pub(super) fn text(file: &Path, text: &str) -> Vec<Finding> {
    if file.extension().is_none_or(|extension| extension != "rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let within = |places: &[&str]| places.iter().any(|place| file.to_string_lossy().replace('\\', "/").starts_with(place));
    for (index, line) in text.lines().enumerate() {
        let code = code_of(line);
        let mut report = |reason| findings.push(Finding::new(file, index + 1, reason));
        if !within(&UNSAFE) && has_word(code, "unsafe") {
            report("unsafe is for kernels alone");
        }
        if !within(&ENVIRONMENT) && ["env::var(", "env::vars", "env::var_os"].iter().any(|call| code.contains(call)) {
            report("the environment is read in the binary's settings and nowhere else");
        }
        if within(&DOMAIN) && has_word(code, "Serialize") {
            report("a domain type is not a wire type: translate it in openai or api");
        }
    }
    findings
}

/// The line without comment and strings.
fn code_of(line: &str) -> &str {
    let line = line.split("//").next().unwrap_or_default();
    line.split('"').next().unwrap_or_default()
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let part_of_name = |character: char| character.is_alphanumeric() || character == '_';
        !code[..at].ends_with(part_of_name) && !code[at + word.len()..].starts_with(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(file: &str, line: &str) -> usize {
        text(Path::new(file), line).len()
    }

    #[test]
    fn unsafe_is_for_kernels() {
        assert_eq!(reasons("crates/engine/src/a.rs", "unsafe { go() }"), 1);
        assert_eq!(reasons("crates/kernels/src/a.rs", "unsafe { go() }"), 0);
        assert_eq!(reasons("crates/engine/src/a.rs", "// unsafe"), 0);
        assert_eq!(reasons("crates/engine/src/a.rs", "#![deny(unsafe_code)]"), 0);
    }

    #[test]
    fn the_environment_is_for_settings() {
        assert_eq!(reasons("crates/api/src/a.rs", "let a = std::env::var(NAME);"), 1);
        assert_eq!(reasons("crates/llm-inference-api/src/settings/env.rs", "let a = std::env::var(NAME);"), 0);
    }

    #[test]
    fn domain_types_do_not_serialise() {
        assert_eq!(reasons("crates/backend/src/a.rs", "#[derive(Debug, Serialize)]"), 1);
        assert_eq!(reasons("crates/backend/src/a.rs", "#[derive(Debug, Deserialize)]"), 0);
        assert_eq!(reasons("crates/openai/src/a.rs", "#[derive(Debug, Serialize)]"), 0);
    }
}
