//! The contract between what is asked and what answers.
//!
//! A surface turns a request into a [`Generation`]; a [`Backend`] answers it with [`Events`]. A model that classifies is asked with
//! [`Classification`]s and answers each with a [`Classified`]; one that embeds, with an [`Embedding`]. Nothing here does IO, knows
//! HTTP, or knows how a model is run, so that the engine in this process and a fleet of remote servers look the same.

mod adapter;
mod answer;
mod bounded;
mod card;
mod classification;
mod embedding;
mod error;
mod estimate;
mod event;
mod generation;
mod hops;
mod passage;
mod sampling;
mod upstream;

pub use adapter::Adapter;
pub use answer::{Backend, BoxFuture, Events};
pub use bounded::OutOfRange;
pub use card::{Activity, ModelCard, ModelState, Task};
pub use classification::{Classification, Classified, Keep, Scale, Truncation};
pub use embedding::{Embedded, Embedding};
pub use error::{Error, Kind, Result};
pub use estimate::estimated_tokens;
pub use event::{Alternative, Event, FinishReason, StopReason, TokenLogprob, Usage};
pub use generation::{Conversation, Echo, Encoded, Generation, Message, Priority, Prompt, Role, Tenant};
pub use hops::{Hop, Hops, NotAHop};
pub use passage::{Endpoint, Passage, Piece, Pieces};
pub use sampling::{
    Choices, FrequencyPenalty, LogitBias, MaxTokens, MinP, PresencePenalty, RepetitionPenalty, Sampling, Stop, Temperature,
    TopK, TopLogprobs, TopP,
};
pub use upstream::{BreakerState, Durations, UpstreamReading};
