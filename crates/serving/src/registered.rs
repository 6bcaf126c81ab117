//! What the registry that a model came out of says of it.

use std::collections::BTreeMap;
use std::time::SystemTime;

/// What there is no word of is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registered {
    /// Of the version.
    pub uri: String,
    /// When the version was.
    pub created: Option<SystemTime>,
    pub stage: Option<String>,
    pub aliases: Vec<String>,
    /// The run that made it.
    pub run_id: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub metrics: BTreeMap<String, f64>,
    pub tags: BTreeMap<String, String>,
}
