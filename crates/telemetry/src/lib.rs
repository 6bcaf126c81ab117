//! What the server tells of itself: lines to stderr, the numbers behind `/metrics`, and both numbers and spans to a collector.

mod buckets;
mod ended;
mod exposition;
mod gpus;
mod histogram;
mod labels;
pub mod logs;
mod measured;
mod metrics;
mod names;
mod otlp;
mod reading;
mod trace;
mod upstreams;

pub use buckets::TIME_TO_FIRST_TOKEN;
pub use ended::{GenerationEnded, RequestEnded};
pub use exposition::Exposition;
pub use gpus::Gpus;
pub use labels::Operation;
pub use metrics::Metrics;
pub use otlp::{Otlp, OtlpSettings, Protocol};
pub use reading::Reading;
pub use trace::{GenerationTrace, RequestStarted, RequestTrace, Traces, answered_instead, in_current_request, inject};
