//! Which model suits which prompt. Pure computation and files: no network, no threads, no clock.
//!
//! A prompt becomes numbers ([`prompt`]): what an encoder makes of its words, and features that a person can read. A method
//! gives each model a score for it: the trained [`network`], or one of the simple ones that it has to beat ([`baseline`]).
//! [`data`] reads what they learn from, [`measure`] says how well they do it, and [`files`] keeps them. [`traffic`] keeps
//! what a server was asked and how its answers were liked, to learn from.

pub mod baseline;
pub mod chance;
pub mod data;
pub mod files;
mod logistic;
pub mod measure;
pub mod network;
pub mod prompt;
mod scorer;
pub mod synthetic;
pub mod traffic;

pub use scorer::{Candidates, FitError, Method, Misfit, Scorer, Tensor, Training, Type, UnknownModels, fit};
