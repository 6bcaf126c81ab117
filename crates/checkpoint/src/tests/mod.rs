//! Whole models: those of the fixtures against transformers, and damaged ones.

mod bytes;
mod classifiers;
mod damage;
mod fixtures;
mod opening;
mod reference;

pub(crate) use bytes::{safetensors, with_header};
