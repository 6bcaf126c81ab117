//! `POST /v1/completions`

use axum::response::{IntoResponse, Response};
use backend::Endpoint;
use bytes::Bytes;
use openai::completions::{Chunks, Collector, Completion, Request};
use openai::{Delivery, problem};
use serving::Answers;

use super::choice;
use super::openapi::{Event, ModelRefusals};
use super::relay;
use super::streams::{each, frames};
use crate::App;
use crate::answer::Result;
use crate::extract::{Unread, parse};
use crate::middleware::Answered;
use crate::sse::Sse;

type Piece = Event<Completion, problem::Body>;

/// What each prompt is continued with, whole or as it is made.
#[utoipa::path(
    post,
    path = "/v1/completions",
    operation_id = "create_completion",
    tag = "OpenAI",
    request_body(content = Request, example = json!({"model": "demo", "prompt": "Question: How many users are there?\nSQL:", "max_tokens": 64})),
    responses(
        (status = 200, description = "The answer; with `stream: true` events of the same shape, then `[DONE]`.",
            content((Completion = "application/json"), (Piece = "text/event-stream"))),
        ModelRefusals,
    )
)]
pub(super) async fn create(app: App, sse: Sse, Unread(body): Unread) -> Result<Answered> {
    choice::answer(app, sse.clone(), body, move |app, body| one(app, sse.clone(), body)).await
}

async fn one(app: App, sse: Sse, body: Bytes) -> Result<Answered> {
    if let Some(model) = relay::model(&app, &body).await? {
        return Ok(Answered::by(&model, elsewhere(&app, sse, &body).await));
    }
    let request: Request = parse(&app, body).await?;
    let model = app.service.card(&request.model)?;
    let name = request.model.clone();
    Ok(Answered::by(&model, answer(&app, sse, &name, request).await))
}

async fn elsewhere(app: &App, sse: Sse, body: &Bytes) -> Result<Response> {
    let here = |model| here(app, sse.clone(), body.clone(), model);
    relay::hand_on(app, sse.clone(), Endpoint::Completions, body, here).await
}

/// On this model in the place of the one that was named.
async fn here(app: &App, sse: Sse, body: Bytes, model: String) -> Result<Response> {
    let request: Request = parse(app, body).await?;
    let name = request.model.clone();
    answer(app, sse, &name, Request { model, ..request }).await
}

/// In the answer, the model has the name that it was asked by.
async fn answer(app: &App, sse: Sse, name: &str, request: Request) -> Result<Response> {
    let delivery = request.delivery();
    let header = app.header("cmpl", name);
    let choices = request.choices()?;
    let generations = request.generations()?;
    let prompts = generations.len();
    if delivery != Delivery::Whole {
        sse.begins();
    }
    let answers = app.service.generate_all(generations).await;
    let answers = answers.map_err(|refused| if prompts > 1 { refused.within("prompt") } else { refused.error })?;
    match delivery {
        Delivery::Whole => whole(answers, Collector::new(header, prompts, choices)).await,
        Delivery::Stream { include_usage } => Ok(stream(sse, answers, Chunks::new(header, prompts, choices, include_usage))),
    }
}

async fn whole(answers: Answers, mut collector: Collector) -> Result<Response> {
    each(answers, |(prompt, event)| collector.push(prompt, event)).await?;
    Ok(axum::Json(collector.finish()).into_response())
}

fn stream(sse: Sse, answers: Answers, mut chunks: Chunks) -> Response {
    sse.answer(frames(answers, move |(prompt, event)| chunks.push(prompt, event)))
}
