//! What `/predict` answers.

use std::time::Duration;

use backend::ModelCard;
use jiff::Timestamp;
use serde::Serialize;
use serving::Reply;
use utoipa::ToSchema;

/// How a prompt is continued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InferenceResponse {
    /// What follows the prompt.
    generated_text: String,
    /// As it was sent.
    prompt: String,
    tokens_generated: u32,
    /// Seconds, from the request to the last token.
    processing_time: f64,
    model_name: String,
    model_version: String,
    /// RFC 3339, UTC.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// In the order in which they were asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchResponse {
    results: Vec<InferenceResponse>,
    batch_size: usize,
    /// Seconds for all of them, which ran together.
    total_processing_time: f64,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

impl InferenceResponse {
    pub(super) fn new(prompt: String, model: &ModelCard, reply: Reply, now: Timestamp) -> Self {
        Self {
            generated_text: reply.text,
            prompt,
            tokens_generated: reply.usage.completion_tokens,
            processing_time: reply.took.as_secs_f64(),
            model_name: model.id.clone(),
            model_version: model.version.clone(),
            timestamp: now,
        }
    }
}

impl BatchResponse {
    pub(super) fn new(results: Vec<InferenceResponse>, took: Duration, now: Timestamp) -> Self {
        Self { batch_size: results.len(), results, total_processing_time: took.as_secs_f64(), timestamp: now }
    }
}
