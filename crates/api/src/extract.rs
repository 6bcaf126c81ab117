//! What handlers take.

mod json;

pub(crate) use json::Json;
