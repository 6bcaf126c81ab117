//! A model in a line.

use crate::Family;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub family: Family,
    /// The element format that most of the weights are in, as people write it: `"Q8_0"`, `"BF16"`.
    pub format: String,
    /// Elements of all tensors.
    pub parameters: u64,
    /// Bytes of all tensors, in the file.
    pub bytes: u64,
}
