//! For tests only: a server without a network, and a backend that does what it is told.

#![expect(clippy::missing_panics_doc, reason = "a test that cannot be set up is a failed test")]

mod answer;
pub mod events;
mod on_demand;
mod scripted;
mod sse;
mod test_app;

pub use answer::Answer;
pub use on_demand::{History, MemoryInUse, Parked};
pub use scripted::{Counts, Remote, Reply, Scripted};
pub use sse::{SseEvent, parse as parse_sse};
pub use test_app::{Listening, TestApp, card, post, request, settings};
