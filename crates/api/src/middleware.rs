//! What happens to every request, from the outermost in: it gets an id, it is observed, its refusal gets a body, its panic
//! becomes one.

mod admit;
mod client_address;
mod cors;
mod identify;
mod observe;
mod panic;
mod refuse;
mod request_id;

pub(crate) use admit::admit;
pub(crate) use client_address::client_address;
pub(crate) use cors::cors;
pub(crate) use identify::{asks_for_key, identify, is_for_admins};
pub(crate) use observe::{Answered, observe};
pub(crate) use panic::{catch_panic, guarded};
pub(crate) use refuse::refuse;
pub(crate) use request_id::{RequestId, request_id};
