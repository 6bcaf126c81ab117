//! One model that is served.

use std::sync::Arc;

use backend::{Backend, Error, Generation, MaxTokens, ModelCard, ModelState, Result};

use crate::{Defaults, Group};

/// A backend and how it is offered: under which names, with which defaults, up to which length.
#[derive(Debug, Clone)]
pub struct Model {
    pub backend: Arc<dyn Backend>,
    pub aliases: Vec<String>,
    pub defaults: Defaults,
    /// The model's own maximum, where it is lower than the server's.
    pub max_tokens: Option<MaxTokens>,
    pub group: Group,
}

/// What there is to say of a model to whoever chooses one.
#[derive(Debug, Clone)]
pub struct Offer {
    pub card: Arc<ModelCard>,
    /// All that it answers for, also where a group has no model of its own.
    pub groups: Vec<Group>,
}

impl Model {
    /// Under its own name, with nothing special.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, aliases: Vec::new(), defaults: Defaults::default(), max_tokens: None, group: Group::Chat }
    }

    pub fn card(&self) -> Arc<ModelCard> {
        self.backend.card()
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.card().id == name || self.aliases.iter().any(|alias| alias == name)
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.backend.state() == ModelState::Loading
    }

    /// Refuses what a model that is not there yet, or never will be, cannot answer.
    pub(crate) fn check_state(&self) -> Result<()> {
        let reason = match self.backend.state() {
            ModelState::Ready => return Ok(()),
            ModelState::Loading => "is being loaded",
            // Why is in the log; it may name files.
            ModelState::Failed { .. } => "could not be loaded",
        };
        let reason = format!("the model {:?} {reason}", self.card().id);
        Err(Error::Unavailable { reason, retry_after: crate::service::RETRY_AFTER })
    }

    /// Fills in the defaults and holds the length against the lower of two limits.
    pub(crate) fn prepare(&self, mut generation: Generation, defaults: Defaults, limit: MaxTokens) -> Result<Generation> {
        let limit = self.max_tokens.map_or(limit, |own| own.min(limit));
        if let Some(asked) = generation.max_tokens.filter(|asked| *asked > limit) {
            return Err(Error::invalid("max_tokens", format!("must be at most {limit}, but is {asked}")));
        }
        self.defaults.or(defaults).fill(&mut generation);
        // A default above the limit is the limit: nobody asked for more.
        generation.default_max_tokens = Some(generation.default_max_tokens.map_or(limit, |tokens| tokens.min(limit)));
        Ok(generation)
    }
}
