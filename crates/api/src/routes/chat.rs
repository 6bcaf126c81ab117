//! `POST /v1/chat/completions`

use axum::response::{IntoResponse, Response};
use backend::{Events, Generation};
use openai::Delivery;
use openai::chat::{Chunks, Collector, Request};

use super::streams::{each, frames};
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;
use crate::sse::Sse;

pub(super) async fn create(app: App, sse: Sse, Json(request): Json<Request>) -> Result<Answered> {
    let delivery = request.delivery();
    let generation = Generation::try_from(request)?;
    let model = app.service.card(&generation.model)?;
    Ok(Answered::by(&model, answer(&app, sse, generation, delivery).await))
}

async fn answer(app: &App, sse: Sse, generation: Generation, delivery: Delivery) -> Result<Response> {
    let header = app.header("chatcmpl", &generation.model);
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
