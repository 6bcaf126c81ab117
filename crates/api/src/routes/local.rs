//! `/api/*`: one text for one prompt, for clients of a local server.

mod answer;
mod llms;
mod request;

use axum::response::{IntoResponse, Response};
use backend::Generation;
use serving::Group;

use self::answer::{Chunk, Chunks, Generated, Replied, Shape, whole};
pub(super) use self::llms::{__path_list, list};
use self::request::{Ask, ChatRequest, GenerateRequest, Streamed};
use super::openapi::{Event, ModelRefusals};
use super::streams::frames;
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;
use crate::refusal::Refusal;
use crate::sse::Sse;

type Piece = Event<Chunk, Refusal>;

/// What a prompt is continued with.
#[utoipa::path(
    post,
    path = "/api/generate",
    operation_id = "generate",
    tag = "local",
    request_body(content = GenerateRequest, example = json!({"prompt": "Question: How many users are there?\nSQL:", "max_tokens": 64})),
    responses(
        (status = 200, description = "The text; with `stream: true` as `/api/generate/stream`.",
            content((Generated = "application/json"), (Piece = "text/event-stream"))),
        ModelRefusals,
    )
)]
pub(super) async fn generate(app: App, sse: Sse, Json(request): Json<GenerateRequest>) -> Result<Answered> {
    ask(app, sse, request, Shape::Text).await
}

/// The same, as it is made.
#[utoipa::path(
    post,
    path = "/api/generate/stream",
    operation_id = "generate_stream",
    tag = "local",
    request_body(content = GenerateRequest, example = json!({"prompt": "Question: How many users are there?\nSQL:", "max_tokens": 64})),
    responses(
        (status = 200, description = "Events that carry text, one that tells the end and the cost, then `[DONE]`.",
            body = Piece, content_type = "text/event-stream"),
        ModelRefusals,
    )
)]
pub(super) async fn generate_stream(
    app: App,
    sse: Sse,
    Json(Streamed(request)): Json<Streamed<GenerateRequest>>,
) -> Result<Answered> {
    ask(app, sse, request, Shape::Text).await
}

/// The next message of a conversation.
#[utoipa::path(
    post,
    path = "/api/chat",
    operation_id = "chat",
    tag = "local",
    request_body(content = ChatRequest, example = json!({"messages": [{"role": "user", "content": "Show all users"}], "max_tokens": 64})),
    responses(
        (status = 200, description = "The message; with `stream: true` as `/api/chat/stream`.",
            content((Replied = "application/json"), (Piece = "text/event-stream"))),
        ModelRefusals,
    )
)]
pub(super) async fn chat(app: App, sse: Sse, Json(request): Json<ChatRequest>) -> Result<Answered> {
    ask(app, sse, request, Shape::Message).await
}

/// The same, as it is made.
#[utoipa::path(
    post,
    path = "/api/chat/stream",
    operation_id = "chat_stream",
    tag = "local",
    request_body(content = ChatRequest, example = json!({"messages": [{"role": "user", "content": "Show all users"}], "max_tokens": 64})),
    responses(
        (status = 200, description = "Events that carry text, one that tells the end and the cost, then `[DONE]`.",
            body = Piece, content_type = "text/event-stream"),
        ModelRefusals,
    )
)]
pub(super) async fn chat_stream(
    app: App,
    sse: Sse,
    Json(Streamed(request)): Json<Streamed<ChatRequest>>,
) -> Result<Answered> {
    ask(app, sse, request, Shape::Message).await
}

async fn ask(app: App, sse: Sse, mut request: impl Ask, shape: Shape) -> Result<Answered> {
    let name = app.service.name(request.take_model(), Group::Chat)?;
    let streams = request.streams();
    let generation = request.of(name)?;
    let model = app.service.card(&generation.model)?;
    if !streams {
        return Ok(Answered::by(&model, one(&app, generation, shape).await));
    }
    sse.begins();
    let answering = {
        let sse = sse.clone();
        async move { Ok(Answered::by(&model, stream(&app, sse, generation, shape).await)) }
    };
    sse.or_pings(answering).await
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
