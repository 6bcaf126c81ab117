//! `POST /predict` and `POST /predict/batch`: what prompts are continued with, and how long that took.

mod answer;
mod request;

use std::sync::Arc;

use axum::Json as Answer;
use axum::response::{IntoResponse, Response};
use backend::{Generation, ModelCard};
use serving::Group;
use tokio::time::Instant;

use self::answer::{BatchResponse, InferenceResponse};
use self::request::{BatchRequest, InferenceRequest, field};
use super::openapi::ModelRefusals;
use crate::App;
use crate::answer::{Error, Result};
use crate::extract::Json;
use crate::middleware::Answered;

/// What a prompt is continued with, and how long that took.
#[utoipa::path(
    post,
    path = "/predict",
    operation_id = "predict",
    tag = "predictions",
    request_body(content = InferenceRequest, example = json!({"prompt": "Question: How many users are there?\nSQL:", "max_length": 64})),
    responses((status = 200, description = "The text.", body = InferenceResponse), ModelRefusals)
)]
pub(super) async fn one(app: App, Json(request): Json<InferenceRequest>) -> Result<Answered> {
    let asked = Asked::new(&app, request)?;
    let model = Arc::clone(&asked.model);
    Ok(Answered::by(&model, predict(&app, asked).await))
}

/// The same for several prompts, which run together.
#[utoipa::path(
    post,
    path = "/predict/batch",
    operation_id = "predict_batch",
    tag = "predictions",
    request_body(content = BatchRequest, example = json!({"prompts": ["Question: How many users are there?\nSQL:", "Question: Show all orders\nSQL:"], "max_length": 32})),
    responses((status = 200, description = "In the order asked.", body = BatchResponse), ModelRefusals)
)]
pub(super) async fn batch(app: App, Json(request): Json<BatchRequest>) -> Result<Answered> {
    let asked = all_asked(&app, &request)?;
    let model = Arc::clone(&asked[0].model);
    Ok(Answered::by(&model, predict_all(&app, &request, asked).await))
}

/// A request that was understood.
struct Asked {
    /// Goes back with the answer.
    prompt: String,
    /// The default one, or an adapter.
    model: Arc<ModelCard>,
    generation: Generation,
}

impl Asked {
    fn new(app: &App, request: InferenceRequest) -> Result<Self> {
        let model = match &request.adapter {
            Some(adapter) => app.service.adapter(adapter)?,
            None => app.service.card(&app.service.name(None, Group::Chat)?)?,
        };
        let prompt = request.prompt.clone();
        let generation = request.of(&model.id, &app.settings.predict)?;
        Ok(Self { prompt, model, generation })
    }
}

async fn predict(app: &App, asked: Asked) -> Result<Response> {
    let Asked { prompt, model, generation } = asked;
    let reply = app.service.reply(generation).await.map_err(|error| error.renamed(field))?;
    Ok(Answer(InferenceResponse::new(prompt, &model, reply, app.now())).into_response())
}

fn all_asked(app: &App, batch: &BatchRequest) -> Result<Vec<Asked>> {
    let requests = batch.requests().iter().cloned().enumerate();
    requests
        .map(|(index, request)| Asked::new(app, request).map_err(|error| error.renamed(|it| batch.place(index, it))))
        .collect()
}

/// All of them in the engine's batch, or none.
async fn predict_all(app: &App, batch: &BatchRequest, asked: Vec<Asked>) -> Result<Response> {
    let started = Instant::now();
    let generations = asked.iter().map(|asked| asked.generation.clone()).collect();
    let replies = app.service.replies(generations).await;
    let replies =
        replies.map_err(|refused| Error::from(refused.error.renamed(|it| batch.place(refused.index, &field(it)))))?;
    let now = app.now();
    let results = asked.into_iter().zip(replies);
    let results = results.map(|(Asked { prompt, model, .. }, reply)| InferenceResponse::new(prompt, &model, reply, now));
    Ok(Answer(BatchResponse::new(results.collect(), started.elapsed(), now)).into_response())
}
