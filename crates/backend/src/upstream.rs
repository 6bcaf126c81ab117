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
    /// How long answers took to begin.
    pub beginnings: Durations,
    /// How long they take now: a moving average.
    pub latency_seconds: f64,
    /// Answers whose tokens had to be counted, because it did not tell how many there were.
    pub without_usage: u64,
}

/// How long something took, each time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Durations {
    /// Together.
    pub seconds: f64,
    /// So many seconds at most, but more than those before it; and how often. The last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl Durations {
    /// How often.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
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
