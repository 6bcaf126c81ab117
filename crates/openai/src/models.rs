//! The list of models and its cards.

use std::num::NonZeroU32;
use std::time::UNIX_EPOCH;

use backend::ModelCard;
use serde::Serialize;
use utoipa::ToSchema;

/// The models, or what there is besides them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ModelList)]
pub struct List {
    /// Always `list`.
    #[schema(examples("list"))]
    pub object: &'static str,
    pub data: Vec<Model>,
}

/// A model's card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Model {
    pub id: String,
    /// Always `model`.
    #[schema(examples("model"))]
    pub object: &'static str,
    /// Seconds since 1970.
    pub created: u64,
    pub owned_by: String,
    /// vLLM's: the model that an adapter belongs to.
    pub parent: Option<String>,
    /// vLLM's: the tokens that a prompt and its answer may have together. Null where it is not known.
    #[schema(value_type = Option<u32>, minimum = 1)]
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

impl Model {
    /// A name behind which the server chooses one of its models.
    pub fn choice(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            object: "model",
            created: 0,
            owned_by: "llm-inference-api".to_owned(),
            parent: None,
            max_model_len: None,
        }
    }
}

impl<'a> FromIterator<&'a ModelCard> for List {
    fn from_iter<I: IntoIterator<Item = &'a ModelCard>>(cards: I) -> Self {
        Self { object: "list", data: cards.into_iter().map(Model::from).collect() }
    }
}
