//! `POST /v1/embeddings`

use axum::Json as Body;
use axum::response::{IntoResponse, Response};
use openai::embeddings::{Answer, Request};

use super::openapi::ModelRefusals;
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;

/// Texts as vectors, by a model that embeds.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    operation_id = "embed",
    tag = "OpenAI",
    request_body(content = Request, example = json!({"model": "demo", "input": ["Show all users"]})),
    responses((status = 200, description = "A vector a text, each of length 1.", body = Answer), ModelRefusals)
)]
pub(super) async fn create(app: App, Json(request): Json<Request>) -> Result<Answered> {
    let model = app.service.card(&request.model)?;
    Ok(Answered::by(&model, answer(&app, request).await))
}

async fn answer(app: &App, request: Request) -> Result<Response> {
    let (model, encoding) = (request.model.clone(), request.encoding()?);
    let embedded = app.service.embed(request.embedding()?).await?;
    Ok(Body(Answer::new(model, encoding, embedded)).into_response())
}
