//! Where an administrator may have adapters loaded from: only what lies below one directory, and no link leads out of it.

use std::fs;
use std::path::{Path, PathBuf};

use openai::Error as Wrong;
use tokio::task::spawn_blocking;

use crate::answer::{Error, Result};

/// What is read of an adapter; links among them may lead elsewhere.
const FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// The directory that a client means, free of links. The answer is the same whether something is outside or not there.
pub(super) async fn below(root: Option<PathBuf>, path: String) -> Result<String> {
    let root = root.ok_or(Error::NoAdapterRoot)?;
    let found = spawn_blocking(move || find(&root, &path)).await.map_err(backend::Error::internal)?;
    found.ok_or_else(|| Wrong::invalid("lora_path", "does not lead to a directory below the adapter root").into())
}

fn find(root: &Path, path: &str) -> Option<String> {
    let root = fs::canonicalize(root).ok()?;
    let directory = fs::canonicalize(root.join(path)).ok()?;
    let inside = |path: &Path| path.starts_with(&root);
    let stays = |file: &str| fs::canonicalize(directory.join(file)).map_or(true, |file| inside(&file));
    let fits = inside(&directory) && directory.is_dir() && FILES.iter().all(|file| stays(file));
    if fits { directory.to_str().map(str::to_owned) } else { None }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_lies_below_the_root_is_found() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        let (inside, outside) = (root.join("team/legal"), outer.path().join("secret"));
        for directory in [&inside, &outside, &root.join("half")] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join(FILES[0]), "{}").unwrap();
        }
        symlink(&inside, root.join("alias")).unwrap();
        symlink(&outside, root.join("escape")).unwrap();
        symlink(outside.join(FILES[0]), root.join("half").join(FILES[1])).unwrap();
        let expected = fs::canonicalize(&inside).unwrap();
        for path in ["team/legal", "team/../alias", inside.to_str().unwrap()] {
            assert_eq!(find(&root, path).as_deref(), expected.to_str(), "{path}");
        }
        let outside = outside.to_str().unwrap();
        for path in ["../secret", "escape", outside, "nothing", "half", "team/legal/adapter_config.json", "/"] {
            assert_eq!(find(&root, path), None, "{path}");
        }
    }
}
