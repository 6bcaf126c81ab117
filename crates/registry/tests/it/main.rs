//! Models from other machines, as servers in the test's own process have them.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

mod hub;
mod mlflow;
mod server;
