//! Encoders from the outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and reads better without ceremony")]

mod embedding;
mod parity;
