//! What there is to say of a remote server, for whoever watches it.

/// One server of a group that answers for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamReading {
    /// Its address, without anything secret.
    pub address: String,
    /// Requests are sent to it.
    pub usable: bool,
    pub breaker: BreakerState,
    /// Requests that it is answering.
    pub in_flight: u32,
    /// Requests that it was sent since the start...
    pub requests: u64,
    /// ... and what became of those that failed: a word out of a fixed set, and how often.
    pub failures: Vec<(&'static str, u64)>,
    /// Answers that have begun...
    pub answers: u64,
    /// ... and how long their beginnings took together.
    pub first_byte_seconds: f64,
    /// How long they take now: a moving average.
    pub latency_seconds: f64,
    /// Answers whose tokens had to be counted, because it did not tell how many there were.
    pub without_usage: u64,
}

/// Whether a server that has failed is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// One request is seeing whether it answers.
    HalfOpen,
    /// It is not, for a while.
    Open,
}
