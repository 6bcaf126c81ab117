//! What the server tells of itself: logs to stderr, and the numbers behind `/metrics`.

mod buckets;
mod labels;
pub mod logs;
mod metrics;
mod reading;

pub use labels::Operation;
pub use metrics::{GenerationEnded, Metrics, RequestEnded};
pub use reading::Reading;
