//! HTTP: the only crate that knows axum.
//!
//! A request passes the [`middleware`], is taken apart by an extractor, asked of `serving` by a handler of [`routes`], and
//! answered in the shape that its surface has. What goes wrong on the way is an [`answer::Error`], and one table turns it
//! into a status.

mod answer;
mod app;
mod attended;
mod client_address;
mod extract;
mod hosts;
mod middleware;
mod refusal;
mod routes;
mod serve;
mod sse;
mod tls;

pub use app::{App, Origins, PredictSettings, Settings};
pub use client_address::TrustedProxies;
pub use hosts::{TrustedHost, TrustedHosts};
pub use routes::router;
pub use serve::serve;
pub use tls::{Tls, TlsError};
