//! How a file looks: its name, its length, its first line, and that it names nobody's machine.

use std::path::Path;

use super::Finding;

const LONGEST: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 10] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "core", "stuff"];

/// Languages whose files are read by people and so are kept short.
const SOURCE: [&str; 7] = ["rs", "py", "mjs", "js", "ts", "tsx", "css"];

/// Beginnings of paths that exist on one machine only. Written in two parts so that this file passes its own rule.
const MACHINE_PATHS: [&str; 5] =
    [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tmp", "/w/")];

/// A file, or a directory on the way to it, whose name says nothing.
pub(super) fn names(file: &Path) -> Option<Finding> {
    let mut parts = file.iter().filter_map(|part| part.to_str());
    let empty = parts.find(|part| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or_default()))?;
    Some(Finding::new(file, 1, format!("the name {empty} does not say what is inside")))
}

/// Length, heading and machine paths of a text file.
pub(super) fn text(file: &Path, text: &str) -> Vec<Finding> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mut findings: Vec<_> = machine_paths(file, extension, text).collect();
    if SOURCE.contains(&extension) {
        findings.extend(length(file, text));
    }
    let name = file.file_name().and_then(|name| name.to_str());
    if matches!(name, Some("lib.rs" | "main.rs")) && !text.starts_with("//!") {
        findings.push(Finding::new(file, 1, "a crate begins with //! and what it is for"));
    }
    findings
}

/// Tests and tables may be long: what counts is the code that somebody has to keep in mind.
fn length(file: &Path, text: &str) -> Option<Finding> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let test_file = stem == "tests" || stem.ends_with("_tests") || file.iter().any(|part| part == "tests");
    if test_file || text.lines().next().is_some_and(|line| line.contains("table")) {
        return None;
    }
    let lines = text.lines().take_while(|line| line.trim_end() != "#[cfg(test)]").count();
    let reason = || format!("{lines} lines of code, at most {LONGEST}: which two things does it hold?");
    (lines > LONGEST).then(|| Finding::new(file, LONGEST + 1, reason()))
}

fn machine_paths<'a>(file: &'a Path, extension: &str, text: &'a str) -> impl Iterator<Item = Finding> + 'a {
    // Vocabularies and recorded strings hold any bytes people have ever written.
    let data = matches!(extension, "json" | "jsonl" | "lock" | "txt" | "snap" | "csv" | "tsv");
    text.lines().enumerate().filter(move |_| !data).filter_map(move |(index, line)| {
        let path = MACHINE_PATHS.iter().find(|path| names_machine(line, path))?;
        Some(Finding::new(file, index + 1, format!("{path} is a path of somebody's machine")))
    })
}

/// A path in a URL (`example.com/home/page`) or below a variable (`$ROOT/root/x`) is none of a machine.
fn names_machine(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "./-_}".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_found_in_files_and_directories() {
        assert!(names(Path::new("crates/api/src/utils.rs")).is_some());
        assert!(names(Path::new("crates/core/src/lib.rs")).is_some());
        assert!(names(Path::new("crates/api/src/commonwealth.rs")).is_none());
    }

    #[test]
    fn code_is_counted_and_its_tests_are_not() {
        let code = "//! A thing.\n".to_owned() + &"let a = 1;\n".repeat(LONGEST);
        let tested = "//! A thing.\n#[cfg(test)]\n".to_owned() + &"let a = 1;\n".repeat(LONGEST);
        assert_eq!(text(Path::new("a.rs"), &code).len(), 1);
        assert_eq!(text(Path::new("a.rs"), &tested), []);
    }

    #[test]
    fn a_machine_path_is_found_with_its_line() {
        let line = format!("ok\nsee {}somebody/notes", MACHINE_PATHS[0]);
        let found = text(Path::new("a.md"), &line);
        assert_eq!(found[0].line, 2);
        assert_eq!(text(Path::new("a.md"), "https://example.com/home/page"), []);
    }

    #[test]
    fn a_crate_says_what_it_is_for() {
        assert_eq!(text(Path::new("src/lib.rs"), "mod a;").len(), 1);
        assert_eq!(text(Path::new("src/lib.rs"), "//! A crate.\nmod a;"), []);
    }
}
