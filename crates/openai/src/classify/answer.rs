//! What each text is.

use backend::Classified;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Header, Usage};

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Classification)]
pub struct Answer {
    /// `classify-…`.
    pub id: String,
    /// Always `list`.
    #[schema(examples("list"))]
    pub object: &'static str,
    /// Seconds since 1970.
    pub created: u64,
    pub model: String,
    /// One a text, in the order of the request.
    pub data: Vec<Class>,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Class {
    pub index: usize,
    /// Of the class with the highest score.
    pub label: String,
    /// A score a class, in the model's order: probabilities, or logits where `use_activation` is false.
    pub probs: Vec<f32>,
    pub num_classes: usize,
}

impl Answer {
    pub fn new(header: Header, classified: Vec<Classified>) -> Self {
        let Header { id, created, model, system_fingerprint: _ } = header;
        let mut usage = Usage::default();
        for classified in &classified {
            usage.add(classified.usage);
        }
        let data = classified.into_iter().enumerate().map(|(index, classified)| Class::new(index, classified)).collect();
        Self { id, object: "list", created, model, data, usage }
    }
}

impl Class {
    fn new(index: usize, classified: Classified) -> Self {
        let label = classified.labels.get(classified.best()).cloned().unwrap_or_default();
        Self { index, label, num_classes: classified.scores.len(), probs: classified.scores }
    }
}
