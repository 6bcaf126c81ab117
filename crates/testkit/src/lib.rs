//! For tests only: a server without a network, a backend and a remote server that do what they are told, and what every backend is held to.

#![expect(clippy::missing_panics_doc, reason = "a test that cannot be set up is a failed test")]

mod answer;
pub mod contract;
pub mod events;
mod on_demand;
mod scripted;
mod sse;
mod test_app;
pub mod upstream;

pub use answer::Answer;
pub use on_demand::{ADAPTER_BYTES, History, MemoryInUse, Parked};
pub use scripted::{Counts, Remote, Reply, Scripted};
pub use sse::{SseEvent, parse as parse_sse};
pub use test_app::{Listening, TestApp, card, post, request, settings};
