//! What handlers take.

mod json;
mod path;

pub(crate) use json::Json;
pub(crate) use path::Path;
