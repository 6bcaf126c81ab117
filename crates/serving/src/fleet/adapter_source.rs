//! Where an adapter's files are.

use std::fs;
use std::path::{Path, PathBuf};

/// What is read of an adapter; links among these may lead elsewhere.
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

    /// A directory below a root, as a client says it, free of links; `None` if it is no such directory, there or not.
    pub fn below(root: &Path, path: &str) -> Option<Self> {
        let root = fs::canonicalize(root).ok()?;
        let directory = fs::canonicalize(root.join(path)).ok()?;
        let place = directory.to_str()?.to_owned();
        stays_below(&root, &directory).then_some(Self { place, root: Some(root) })
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it is still where it was said to be: to be asked each time that it is read.
    pub fn stays(&self) -> bool {
        self.root.as_ref().is_none_or(|root| stays_below(root, Path::new(&self.place)))
    }
}

fn stays_below(root: &Path, directory: &Path) -> bool {
    let inside = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path.starts_with(root));
    let files = FILES.map(|file| directory.join(file));
    inside(directory) && directory.is_dir() && files.iter().all(|file| file.symlink_metadata().is_err() || inside(file))
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
            assert_eq!(AdapterSource::below(&root, path).unwrap().place(), expected.to_str().unwrap(), "{path}");
        }
        let outside = outside.to_str().unwrap();
        for path in ["../secret", "escape", outside, "nothing", "half", "team/legal/adapter_config.json", "/"] {
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
