//! The simple ways to score, which a network has to beat to be worth its trouble.

mod elo;
mod knn;
mod linear;

pub use elo::Elo;
pub use knn::Knn;
pub use linear::Linear;
