//! What the tools of this repository share: where it lies, and a server of its own as a child process.

pub mod repository;
pub mod server;
