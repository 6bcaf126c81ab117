//! The GPUs of this machine, as far as they are watched.

use std::fmt::Debug;

/// There is at least one.
pub trait Gpus: Send + Sync + Debug {
    /// Bytes, of all of them together and by whichever program.
    fn memory_in_use(&self) -> u64;
}
