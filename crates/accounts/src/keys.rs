//! Keys: what they look like, where they come from, and whose they are.

mod directory;
mod file;
mod hash;
mod key;
mod listed;
mod remembered;

pub(crate) use directory::Directory;
pub use file::{KeyFileError, check_keys_file};
pub use hash::Hash;
pub use key::{NewKey, Template};
pub use listed::{Listed, Organization};
