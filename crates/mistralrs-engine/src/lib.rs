//! mistral.rs as a second engine in this process.
//!
//! Compiled only with the feature `mistralrs`.
#![cfg(feature = "mistralrs")]
