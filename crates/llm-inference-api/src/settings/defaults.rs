//! What holds where nothing was said.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use backend::{Temperature, TopP};
use http::Uri;
use telemetry::Protocol;

use super::otlp::Endpoint;

pub(crate) const HOST: &str = "0.0.0.0";
pub(crate) const PORT: u16 = 8091;
pub(crate) const BODY_LIMIT: NonZeroUsize = NonZeroUsize::new(10 << 20).unwrap();
/// Each costs a few KiB, and a client needs one or a few.
pub(crate) const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
pub(crate) const MAX_TOKENS: NonZeroU32 = NonZeroU32::new(512).unwrap();
pub(crate) const MAX_TOKENS_LIMIT: NonZeroU32 = NonZeroU32::new(4096).unwrap();
pub(crate) const MAX_CONCURRENT_REQUESTS: NonZeroUsize = NonZeroUsize::new(10).unwrap();
pub(crate) const MAX_QUEUED_REQUESTS: usize = 64;
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);
/// With guesses that come true, a step of eleven rows is worth it on all machines measured; more rows bring little more.
pub(crate) const SPECULATION_TOKENS: NonZeroUsize = NonZeroUsize::new(10).unwrap();
pub(crate) const RECORD_BYTES: NonZeroUsize = NonZeroUsize::new(64 << 20).unwrap();
pub(crate) const LEDGER_DAYS: NonZeroU32 = NonZeroU32::new(90).unwrap();
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);

pub(crate) const SERVICE_NAME: &str = "llm-inference-api";

pub(crate) const HUB: &str = "https://huggingface.co";
pub(crate) const MODEL_STAGE: &str = "Production";
pub(crate) const REFRESH_MODELS: Duration = Duration::from_mins(1);

/// A collector on this machine, at the port of the protocol.
pub(crate) fn otlp_endpoint(protocol: Protocol) -> Endpoint {
    Endpoint(Some(Uri::from_static(match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::HttpProtobuf => "http://localhost:4318",
    })))
}

/// A quarter of the memory that is free when the server starts: the weights come out of the same, and so do the other
/// programs of the machine. Where it is not known how much that is, 1 GiB.
pub(crate) fn kv_cache_bytes(free_memory: Option<u64>) -> NonZeroUsize {
    const LEAST: u64 = 64 << 20;
    const UNKNOWN: u64 = 1 << 30;
    let bytes = free_memory.map_or(UNKNOWN, |free| (free / 4).max(LEAST));
    usize::try_from(bytes).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MAX)
}

/// Four fifths of the memory that is free when the server starts; no limit where it is not known how much that is.
pub(crate) fn model_memory(free_memory: Option<u64>) -> Option<NonZeroUsize> {
    let bytes = (free_memory? / 5 * 4).max(1);
    usize::try_from(bytes).ok().and_then(NonZeroUsize::new)
}

/// Some tens of adapters of models of some billions of parameters.
pub(crate) const ADAPTER_MEMORY: NonZeroUsize = NonZeroUsize::new(1 << 30).unwrap();

pub(crate) fn temperature() -> Temperature {
    Temperature::new(0.7).expect("0.7 is between 0 and 2")
}

pub(crate) fn top_p() -> TopP {
    TopP::new(0.9).expect("0.9 is between 0 and 1")
}
