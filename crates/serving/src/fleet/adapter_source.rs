//! Where an adapter's files are.

use std::fs;
use std::path::{Path, PathBuf};

/// What is read of an adapter's directory, besides GGUF files; links among these may lead elsewhere.
const FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// A place in the words of whoever opens models: a path, or what the catalogue calls a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterSource {
    place: String,
    /// The directory that no link may lead out of.
    root: Option<PathBuf>,
}

impl AdapterSource {
    /// As whoever runs the server says it.
    pub fn new(place: impl Into<String>) -> Self {
        Self { place: place.into(), root: None }
    }

    /// A directory or GGUF file below a root, as a client says it, free of links; `None` if it is no such thing, there or not.
    pub fn below(root: &Path, path: &str) -> Option<Self> {
        let root = fs::canonicalize(root).ok()?;
        let path = fs::canonicalize(root.join(path)).ok()?;
        let place = path.to_str()?.to_owned();
        stays_below(&root, &path).then_some(Self { place, root: Some(root) })
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it is still where it was said to be: to be asked each time that it is read.
    pub fn stays(&self) -> bool {
        self.root.as_ref().is_none_or(|root| stays_below(root, Path::new(&self.place)))
    }
}

fn stays_below(root: &Path, path: &Path) -> bool {
    let inside = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path.starts_with(root));
    if !path.is_dir() {
        return is_gguf(path) && path.is_file() && inside(path);
    }
    let Ok(entries) = fs::read_dir(path) else { return false };
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_read = |file: &Path| is_gguf(file) || FILES.iter().any(|name| file.ends_with(name));
    inside(path) && files.all(|file| !is_read(&file) || inside(&file))
}

/// In capitals too, as `registry` and `checkpoint` have it: what they read must not lead elsewhere.
fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
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
            fs::write(directory.join("one.gguf"), "").unwrap();
        }
        for (directory, file) in [("linked", "one.gguf"), ("capitals", "ONE.GGUF")] {
            fs::create_dir(root.join(directory)).unwrap();
            symlink(outside.join("one.gguf"), root.join(directory).join(file)).unwrap();
        }
        symlink(&inside, root.join("alias")).unwrap();
        symlink(&outside, root.join("escape")).unwrap();
        symlink(outside.join(FILES[0]), root.join("half").join(FILES[1])).unwrap();
        let expected = fs::canonicalize(&inside).unwrap();
        for path in ["team/legal", "team/../alias", inside.to_str().unwrap()] {
            assert_eq!(AdapterSource::below(&root, path).unwrap().place(), expected.to_str().unwrap(), "{path}");
        }
        let file = expected.join("one.gguf");
        assert_eq!(AdapterSource::below(&root, "alias/one.gguf").unwrap().place(), file.to_str().unwrap());
        let outside = outside.to_str().unwrap();
        let files = ["team/legal/adapter_config.json", "../secret/one.gguf", "linked", "linked/one.gguf", "escape/one.gguf"];
        for path in ["../secret", "escape", outside, "nothing", "half", "capitals", "/"].into_iter().chain(files) {
            assert_eq!(AdapterSource::below(&root, path), None, "{path}");
        }
    }

    #[test]
    fn what_leads_elsewhere_meanwhile_is_noticed() {
        let outer = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (outer.path().join("root"), outer.path().join("elsewhere"));
        let legal = root.join("legal");
        for directory in [&legal, &elsewhere] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join(FILES[1]), "").unwrap();
        }
        let source = AdapterSource::below(&root, "legal").unwrap();
        assert!(source.stays());
        fs::remove_file(legal.join(FILES[1])).unwrap();
        symlink(elsewhere.join(FILES[1]), legal.join(FILES[1])).unwrap();
        assert!(!source.stays(), "a file is a link");
        fs::remove_dir_all(&legal).unwrap();
        symlink(&elsewhere, &legal).unwrap();
        assert!(!source.stays(), "the directory is a link");
    }
}
