//! What the fleet asks of whoever knows how a model is run.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use backend::{Adapter, Backend, ModelCard, ModelState};
use thiserror::Error;

use super::AdapterSource;
use crate::{Defaults, Registered};

/// Opens one model, as often as it is asked to.
pub trait Opener: Debug + Send + Sync {
    /// Takes seconds; called on a thread where that is allowed, and never twice at the same time. Dropping what was opened
    /// gives its memory back, and may block for the step that it is in.
    fn open(&self) -> Result<Opened, OpenError>;

    /// The state of it that answered before this one could not be opened, if that is still to be had.
    fn open_last_good(&self) -> Option<Result<Opened, OpenError>>;

    /// Whether opening it now would bring another state of it than it brought the last time, as when its registry has a newer version;
    /// with `anyway` also one that could not be opened before. May download it. Called on a thread where that is allowed.
    fn has_news(&self, anyway: bool) -> Result<bool, OpenError>;

    /// What it opened last answers from now on. Called as [`open`](Self::open) is.
    fn answers(&self);

    /// What it opened last does not answer: it is no better than what cannot be opened, and what was open before is so still.
    fn does_not_answer(&self, error: &OpenError);

    /// What the registry that it comes from says of it, if it comes from one.
    fn registered(&self) -> Option<Registered>;
}

/// Loads adapters for a model that is open.
pub trait Adapts: Debug + Send + Sync {
    /// Which state of an adapter is the newest, in the words of its [`Adapted`]. May download it.
    fn newest(&self, source: &AdapterSource) -> Result<String, OpenError>;

    /// What the registry that an adapter comes from says of a version, if it comes from one.
    fn registered(&self, source: &AdapterSource, version: &str) -> Option<Registered>;

    /// Asks for room before it takes any. Takes as long as the files take to come; called on a thread where that is allowed.
    fn adapt(&self, source: &AdapterSource, room: &mut dyn FnMut(u64) -> bool) -> Result<Adapted, AdaptError>;

    /// The version that was loaded before this one cannot be, if that is still to be had.
    fn adapt_last_good(
        &self,
        source: &AdapterSource,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Option<Result<Adapted, AdaptError>>;
}

/// An adapter in memory.
#[derive(Debug, Clone)]
pub struct Adapted {
    pub adapter: Adapter,
    /// As in a model's card.
    pub description: String,
    pub version: String,
    /// What tells it from another one, also of the same version.
    pub state: String,
    pub created: SystemTime,
    pub bytes: u64,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdaptError {
    /// Of memory, of which it takes so much.
    NoRoom {
        bytes: u64,
    },
    Failed(OpenError),
}

/// A model in memory.
#[derive(Debug, Clone)]
pub struct Opened {
    pub backend: Arc<dyn Backend>,
    /// How its makers would have it sampled.
    pub defaults: Defaults,
    /// What it really takes, now that it is known.
    pub bytes: u64,
    /// What loads adapters for it, if it takes any. Does not hold it.
    pub adapts: Option<Arc<dyn Adapts>>,
}

impl Opened {
    /// A backend that has failed does not come back by itself.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.backend.state(), ModelState::Failed { .. })
    }
}

/// Why a model or an adapter could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{details}")]
pub struct OpenError {
    /// For anybody: names no files.
    pub reason: &'static str,
    /// For the log and for whoever runs the server: may name files, so that no client is sent it.
    pub details: String,
    /// Whether the same may go well a little later, as when a server that has the files cannot be reached.
    pub may_pass: bool,
}

impl OpenError {
    /// With nothing in it for others than whoever runs the server.
    pub fn new(details: impl Into<String>) -> Self {
        Self { reason: "the log says why", details: details.into(), may_pass: false }
    }
}

/// A model that is opened when somebody asks for it, and closed again when its memory is wanted for another.
#[derive(Debug, Clone)]
pub struct OnDemand {
    /// What is known of it without opening it.
    pub card: Arc<ModelCard>,
    /// Memory that it takes, as far as can be said before.
    pub bytes: u64,
    pub opener: Arc<dyn Opener>,
}
