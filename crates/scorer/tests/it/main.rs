//! The scorer from the outside.

mod gradients;
mod repeatable;
mod torch;
