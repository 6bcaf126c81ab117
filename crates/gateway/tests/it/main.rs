//! Groups of servers, from the outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod balance;
mod breaking;
mod contract;
mod fixture;
mod hang_ups;
mod hedging;
mod queue;
mod refusals;
mod relay;
mod streams;
mod timeouts;
