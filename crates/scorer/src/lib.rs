//! Which model suits which prompt. Pure computation and files: no network, no threads, no clock.
//!
//! A prompt becomes numbers ([`prompt`]): what an encoder makes of its words, and features that a person can read.

pub mod chance;
pub mod prompt;
