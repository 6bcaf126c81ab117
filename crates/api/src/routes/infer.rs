//! `POST /infer`: how well each of several models suits each of several prompts.

mod request;

use axum::Json as Answer;
use serde::{Serialize, Serializer};
use serving::Scoring;
use utoipa::ToSchema;

use self::request::Request;
use crate::App;
use crate::answer::Result;
use crate::extract::Json;

/// What each model's scores are, one for each prompt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoreResponse)]
pub(crate) struct Response {
    /// By model; in each list one for each prompt, in their order. Of a scorer that learned from scores, 0 to 1; of one that learned
    /// from comparisons, strengths, of which the difference counts.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<f32>>)]
    scores: Scores,
}

/// In the order in which the models were named.
#[derive(Debug)]
struct Scores {
    models: Vec<String>,
    by_prompt: Vec<Vec<f32>>,
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let of = |at: usize| self.by_prompt.iter().map(|scores| scores[at]).collect::<Vec<f32>>();
        serializer.collect_map(self.models.iter().enumerate().map(|(at, model)| (model, of(at))))
    }
}

/// How well each of several models suits each of several prompts.
///
/// A scorer has learned that from comparisons or scores (`llm-inference-api scorer train`), and knows the models that it learned of.
#[utoipa::path(
    post,
    path = "/infer",
    operation_id = "score",
    tag = "scores",
    request_body(content = Request, example = json!({"model": "dense_network/example", "models_to_score": ["allround", "coder"], "prompts": ["What is a join?"]})),
    responses(
        (status = 200, description = "One score for each model and prompt.", body = Response),
        (status = 404, description = "nothing_to_score"),
        (status = 429, description = "scoring_is_limited"),
        (status = 503, description = "service_unavailable"),
    )
)]
pub(crate) async fn create(app: App, Json(request): Json<Request>) -> Result<Answer<Response>> {
    let scoring = Scoring::from(request);
    let models = scoring.models.clone();
    let by_prompt = app.service.score(scoring).await?;
    Ok(Answer(Response { scores: Scores { models, by_prompt } }))
}
