//! What is accepted, what is refused and how, and what events become.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on has failed, and reads better without ceremony"
)]

mod any_bytes;
mod chat_requests;
mod classify_requests;
mod completion_answers;
mod completion_requests;
mod refusals;
