//! `POST /v1/classify`

use axum::Json as Body;
use axum::response::{IntoResponse, Response};
use openai::classify::{Answer, Request};

use super::openapi::ModelRefusals;
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;

/// What each text is, by a model that classifies.
#[utoipa::path(
    post,
    path = "/v1/classify",
    operation_id = "classify",
    tag = "OpenAI",
    request_body(content = Request, example = json!({"model": "demo", "input": ["Show all users"]})),
    responses((status = 200, description = "A class a text.", body = Answer), ModelRefusals)
)]
pub(super) async fn create(app: App, Json(request): Json<Request>) -> Result<Answered> {
    let model = app.service.card(&request.model)?;
    Ok(Answered::by(&model, answer(&app, request).await))
}

async fn answer(app: &App, request: Request) -> Result<Response> {
    let header = app.header("classify", &request.model);
    let classifications = request.classifications()?;
    let several = classifications.len() > 1;
    let classified = app.service.classify_all(classifications).await;
    let classified = classified.map_err(|refused| if several { refused.within("input") } else { refused.error })?;
    Ok(Body(Answer::new(header, classified)).into_response())
}
