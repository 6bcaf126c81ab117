//! `POST /v1/chat/completions`

use axum::response::{IntoResponse, Response};
use backend::{Endpoint, Events, Generation};
use bytes::Bytes;
use openai::chat::{Chunk, Chunks, Collector, Completion, Request};
use openai::{Delivery, problem};

use super::choice;
use super::openapi::{Event, ModelRefusals};
use super::relay;
use super::streams::{each, frames};
use crate::App;
use crate::answer::Result;
use crate::extract::{Unread, parse};
use crate::middleware::Answered;
use crate::sse::Sse;

type Piece = Event<Chunk, problem::Body>;

/// The next message of a conversation, whole or as it is made.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    operation_id = "create_chat_completion",
    tag = "OpenAI",
    request_body(content = Request, example = json!({"model": "demo", "messages": [{"role": "user", "content": "Get top 10 customers by revenue"}], "max_tokens": 64})),
    responses(
        (status = 200, description = "The answer; with `stream: true` events that each carry a chunk, then `[DONE]`.",
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
    let delivery = request.delivery();
    let generation = Generation::try_from(request)?;
    let model = app.service.card(&generation.model)?;
    let name = generation.model.clone();
    if delivery != Delivery::Whole {
        sse.begins();
    }
    Ok(Answered::by(&model, answer(&app, sse, &name, generation, delivery).await))
}

async fn elsewhere(app: &App, sse: Sse, body: &Bytes) -> Result<Response> {
    let here = |model| here(app, sse.clone(), body.clone(), model);
    relay::hand_on(app, sse.clone(), Endpoint::ChatCompletions, body, here).await
}

/// On this model in the place of the one that was named.
async fn here(app: &App, sse: Sse, body: Bytes, model: String) -> Result<Response> {
    let request: Request = parse(app, body).await?;
    let (name, delivery) = (request.model.clone(), request.delivery());
    let generation = Generation { model, ..Generation::try_from(request)? };
    answer(app, sse, &name, generation, delivery).await
}

/// In the answer, the model has the name that it was asked by.
async fn answer(app: &App, sse: Sse, name: &str, generation: Generation, delivery: Delivery) -> Result<Response> {
    let header = app.header("chatcmpl", name);
    let choices = generation.choices;
    let events = app.service.generate(generation).await?;
    match delivery {
        Delivery::Whole => whole(events, Collector::new(header, choices)).await,
        Delivery::Stream { include_usage } => Ok(stream(sse, events, Chunks::new(header, choices, include_usage))),
    }
}

async fn whole(events: Events, mut collector: Collector) -> Result<Response> {
    each(events, |event| collector.push(event)).await?;
    Ok(axum::Json(collector.finish()).into_response())
}

fn stream(sse: Sse, events: Events, mut chunks: Chunks) -> Response {
    sse.answer(frames(events, move |event| chunks.push(event)))
}
