//! One model that is served.

use std::sync::Arc;

use backend::{Backend, Error, MaxTokens, ModelCard, OutOfRange, Result};

use crate::{AdapterSource, Defaults, Group, OnDemand, SqlFormat};

/// What answers, and how it is offered: under which names, with which defaults, up to which length.
#[derive(Debug, Clone)]
pub struct Model {
    pub source: Source,
    pub aliases: Vec<String>,
    /// Whoever serves it wants it sampled so; what it leaves open is up to the model's makers.
    pub defaults: Defaults,
    /// The model's own maximum, where it is lower than the server's.
    pub max_tokens: Option<MaxTokens>,
    pub group: Group,
    /// Names of the models that are asked in its place while it cannot answer, the first of them first.
    pub fallbacks: Vec<String>,
    /// How it is told about a database.
    pub sql_format: SqlFormat,
    /// Further models that it is with something added to it, by their names.
    pub adapters: Vec<(String, AdapterSource)>,
}

/// Where a model's answers come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// It is there, for as long as the service is.
    Running(Arc<dyn Backend>),
    /// It shares its memory with others.
    OnDemand(OnDemand),
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
        Self::of(Source::Running(backend))
    }

    /// As [`new`](Self::new), but opened by the first request.
    pub fn on_demand(model: OnDemand) -> Self {
        Self::of(Source::OnDemand(model))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            aliases: Vec::new(),
            defaults: Defaults::default(),
            max_tokens: None,
            group: Group::Chat,
            fallbacks: Vec::new(),
            sql_format: SqlFormat::default(),
            adapters: Vec::new(),
        }
    }

    /// What is known of it now.
    pub fn card(&self) -> Arc<ModelCard> {
        match &self.source {
            Source::Running(backend) => backend.card(),
            Source::OnDemand(model) => Arc::clone(&model.card),
        }
    }

    /// Holds the length that is asked for against the lower of two limits, which it answers with.
    pub(crate) fn check_length(&self, asked: Option<MaxTokens>, limit: MaxTokens) -> Result<MaxTokens> {
        let limit = self.max_tokens.map_or(limit, |own| own.min(limit));
        match asked {
            Some(asked) if asked > limit => {
                let reason = OutOfRange::new(asked, format!("at most {limit}"));
                Err(Error::OutOfRange { parameter: "max_tokens".into(), reason })
            }
            _ => Ok(limit),
        }
    }
}
