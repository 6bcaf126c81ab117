//! A request in OpenAI's own words, for a backend that hands it on as it is: its server decides what it means.

use std::pin::Pin;

use futures_core::Stream;

use crate::{Event, Hops, MaxTokens, Result, Tenant};

/// Nothing of it was checked but what is named here.
#[derive(Debug, Clone)]
pub struct Passage {
    pub endpoint: Endpoint,
    /// As the client named it, alias or not: answers name it so too.
    pub model: String,
    /// A JSON object.
    pub body: String,
    /// The answer is to come as it is made...
    pub stream: bool,
    /// ... and to end with what it cost.
    pub include_usage: bool,
    /// Fields, each with its JSON, that are set where the client says nothing of them.
    pub unsaid: Vec<(&'static str, String)>,
    /// The most tokens that may be generated, where that is said.
    pub max_tokens: Option<MaxTokens>,
    /// How many answers, to all prompts together...
    pub choices: u32,
    /// ... of which there may be several.
    pub prompts: u32,
    pub tenant: Tenant,
    pub hops: Hops,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    ChatCompletions,
    Completions,
}

impl Endpoint {
    /// Its route, at whatever speaks OpenAI's language.
    pub const fn route(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
    }
}

/// The answer as it comes: in one piece, or chunk by chunk. An `Err` is the last item.
///
/// Dropping it ends the request at its server.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Piece>> + Send>>;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// For the client: JSON, on one line where it is a chunk. `None`: nothing of this is.
    pub json: Option<String>,
    /// What it amounts to, for whoever counts: in the order that [`Event`] describes. What a text says is not always in them.
    pub events: Vec<Event>,
}
