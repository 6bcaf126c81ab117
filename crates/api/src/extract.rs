//! What handlers take.

mod asking_app;
mod base_url;
mod json;
mod path;
mod via;

pub(crate) use base_url::BaseUrl;
pub(crate) use json::{Json, Unread, look_into, parse};
pub(crate) use path::Path;
