//! The use cases, free of HTTP: which model answers, with which defaults, within which limits, and what is counted.
//!
//! A [`Service`] is made once from its [`Model`]s and is cheap to clone. What an answer holds (its place in flight, its
//! measurement) lives in the stream that is handed out and ends with it, however it ends.

mod account;
mod background;
mod classify;
mod defaults;
mod drain;
mod embed;
mod fallbacks;
mod fleet;
mod generate;
mod group;
mod health;
mod meter;
mod model;
mod outcomes;
mod registered;
mod relay;
mod reload;
mod reply;
mod route;
mod score;
mod scorers;
mod service;
mod text_to_sql;
mod together;
mod unscored;

pub use account::{Asker, Gauge, Secret, Standing};
pub use defaults::Defaults;
pub use fleet::{AdaptError, Adapted, AdapterSource, Adapts, LoadAdapter, OnDemand, OpenError, Opened, Opener};
pub use group::Group;
pub use health::{Health, ModelHealth, Status};
pub use model::{Model, Offer, Source};
pub use outcomes::{Keeps, Outcome, Outcomes};
pub use registered::Registered;
pub use relay::Relayed;
pub use reload::Reloaded;
pub use reply::Reply;
pub use route::{Candidate, Choice, Route, Rule};
pub use score::Scoring;
pub use scorers::Scorers;
pub use service::{Besides, Service, Settings};
pub use text_to_sql::{Database, Dialect, ParsedAnswer, SqlFormat, Verdict};
pub use together::{Answers, Refused};
pub use unscored::Unscored;
