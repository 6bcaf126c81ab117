//! Models that run on other servers: vLLM, SGLang, llama-server, another one of these, whatever speaks OpenAI's language.
//!
//! A [`Group`] is the servers that answer for one model. It chooses one ([`balance`]) of those that can be asked ([`breaker`],
//! [`health`]), asks it, reads its answer as it comes ([`sse`]), and, as long as nothing has come, asks another if it fails
//! ([`failure`], [`budget`]). What can be decided without a network is decided in code that knows none: time and chance are arguments.

mod address;
mod balance;
mod beginnings;
mod breaker;
mod budget;
mod chance;
mod client;
mod connection;
mod doubts;
mod exchange;
mod failure;
mod generate;
mod group;
mod health;
mod latency;
mod question;
mod queue;
mod refused_fields;
mod relay;
mod roster;
mod settings;
mod sse;
mod standing;
mod watch;

pub use address::{Address, NotAnAddress};
pub use chance::this_run;
pub use connection::TlsError;
pub use group::Group;
pub use refused_fields::REFUSED_FIELDS;
pub use settings::{ApiKey, Balance, GroupSettings, Timeouts, UpstreamSettings};

#[cfg(test)]
mod tls_tests;
