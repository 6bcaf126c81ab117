//! `/api/*`: one text for one prompt, for clients of a local server.

mod answer;
mod llms;
mod request;

use axum::response::{IntoResponse, Response};
use backend::Generation;
use serving::Group;

use self::answer::{Chunks, Shape, whole};
pub(super) use self::llms::list;
use self::request::{Ask, ChatRequest, GenerateRequest, Streamed};
use super::streams::frames;
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;
use crate::sse::Sse;

/// `POST /api/generate`
pub(super) async fn generate(app: App, sse: Sse, Json(request): Json<GenerateRequest>) -> Result<Answered> {
    ask(&app, sse, request, Shape::Text).await
}

/// `POST /api/generate/stream`
pub(super) async fn generate_stream(
    app: App,
    sse: Sse,
    Json(Streamed(request)): Json<Streamed<GenerateRequest>>,
) -> Result<Answered> {
    ask(&app, sse, request, Shape::Text).await
}

/// `POST /api/chat`
pub(super) async fn chat(app: App, sse: Sse, Json(request): Json<ChatRequest>) -> Result<Answered> {
    ask(&app, sse, request, Shape::Message).await
}

/// `POST /api/chat/stream`
pub(super) async fn chat_stream(
    app: App,
    sse: Sse,
    Json(Streamed(request)): Json<Streamed<ChatRequest>>,
) -> Result<Answered> {
    ask(&app, sse, request, Shape::Message).await
}

async fn ask(app: &App, sse: Sse, mut request: impl Ask, shape: Shape) -> Result<Answered> {
    let name = app.service.name(request.take_model(), Group::Chat)?;
    let streams = request.streams();
    let generation = request.of(name)?;
    let model = app.service.card(&generation.model)?;
    let answer = if streams { stream(app, sse, generation, shape).await } else { one(app, generation, shape).await };
    Ok(Answered::by(&model, answer))
}

async fn one(app: &App, generation: Generation, shape: Shape) -> Result<Response> {
    let model = generation.model.clone();
    let reply = app.service.reply(generation).await?;
    Ok(whole(shape, model, reply).into_response())
}

async fn stream(app: &App, sse: Sse, generation: Generation, shape: Shape) -> Result<Response> {
    let mut chunks = Chunks::new(shape);
    let events = app.service.generate(generation).await?;
    Ok(sse.answer(frames(events, move |event| chunks.push(event))))
}
