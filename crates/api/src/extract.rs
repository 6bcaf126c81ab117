//! What handlers take.

mod asking_app;
mod json;
mod path;
mod room;
mod via;

pub(crate) use json::{Json, Unread, look_into, parse};
pub(crate) use path::Path;
pub(crate) use room::Room;
pub(crate) use via::hops;
