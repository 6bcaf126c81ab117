//! Where this repository is, and the files in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What a build, a tool or an editor leaves behind; nothing in it is ours.
const NOT_OURS: [&str; 8] = ["target", "dist", ".git", "node_modules", ".venv", "venv", "__pycache__", "work"];

/// The directory of the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}

/// All files of the repository, relative to its root, in a fixed order.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(root, root, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // `.git` is a file where the repository has several working trees.
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path().strip_prefix(root)?.to_path_buf());
        }
    }
    Ok(())
}
