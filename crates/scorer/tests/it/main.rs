//! The scorer from the outside.

mod example;
mod features;
mod files;
mod gradients;
mod known_truth;
mod parquet;
mod repeatable;
mod scoring;
mod torch;
mod traffic;
