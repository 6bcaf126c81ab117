//! Scorers as files: `<directory>/<type>/<name>.json` says all about one, and beside it lie its numbers as safetensors.
//!
//! The numbers' file is named by what is in it (`<name>-<sha256, 16 digits>.safetensors`), and the JSON file, which says which
//! one it means, is put in its place last and in one step. So whoever reads sees the old scorer or the new one, whole.

mod directory;
mod error;
mod name;
mod sidecar;
mod weights;

pub use directory::{Directory, Saved};
pub use error::Error;
pub use name::Name;
pub use sidecar::{Provenance, Sidecar};
