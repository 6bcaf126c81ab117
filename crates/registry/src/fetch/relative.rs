//! Names that come from elsewhere, before they become paths or addresses here.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// The path of a file below some directory; `None` if it would lead out of it, or means something else on another system.
pub(crate) fn relative(name: &str) -> Option<PathBuf> {
    let stays = !name.is_empty()
        && !name.contains(['\\', '\0', ':'])
        && !name.contains("//")
        && !name.ends_with('/')
        && Path::new(name).components().all(|component| matches!(component, Component::Normal(_)));
    stays.then(|| PathBuf::from(name))
}

/// Whether it can name one file in a directory, whatever the system.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}

/// As a part of an address; slashes stay.
pub(crate) fn escaped(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            text.push(byte as char);
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_no_paths() {
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a/..", "./a", "a\\b", "c:a", "a//b", "a/", "a\0b"] {
            assert_eq!(relative(name), None, "{name:?}");
        }
        assert_eq!(relative("a/b.json"), Some("a/b.json".into()));
    }

    #[test]
    fn what_an_address_would_misread_is_escaped() {
        assert_eq!(escaped("a b/c?d#e%"), "a%20b/c%3Fd%23e%25");
    }
}
