//! What handlers take.

mod asking_app;
mod json;
mod path;

pub(crate) use json::{Json, Unread};
pub(crate) use path::Path;
