//! The list of models and its cards.

use std::num::NonZeroU32;
use std::time::UNIX_EPOCH;

use backend::ModelCard;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct List {
    pub object: &'static str,
    pub data: Vec<Model>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub owned_by: String,
    /// vLLM's names: the model that an adapter belongs to, and the context.
    pub parent: Option<String>,
    /// `None` where it is not known.
    pub max_model_len: Option<NonZeroU32>,
}

impl From<&ModelCard> for Model {
    fn from(card: &ModelCard) -> Self {
        Self {
            id: card.id.clone(),
            object: "model",
            created: card.created.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs()),
            owned_by: card.owner.clone(),
            parent: card.parent.clone(),
            max_model_len: NonZeroU32::new(card.context_length),
        }
    }
}

impl<'a> FromIterator<&'a ModelCard> for List {
    fn from_iter<I: IntoIterator<Item = &'a ModelCard>>(cards: I) -> Self {
        Self { object: "list", data: cards.into_iter().map(Model::from).collect() }
    }
}
