//! What is accepted, what is refused and how, and what events become.

mod any_bytes;
mod chat_requests;
mod completion_answers;
mod completion_requests;
mod refusals;
