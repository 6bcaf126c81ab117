//! `POST /v1/completions`

use axum::response::{IntoResponse, Response};
use openai::Delivery;
use openai::completions::{Chunks, Collector, Request};
use serving::Answers;

use super::streams::{each, frames};
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;
use crate::sse::Sse;

pub(super) async fn create(app: App, sse: Sse, Json(request): Json<Request>) -> Result<Answered> {
    let model = app.service.card(&request.model)?;
    Ok(Answered::by(&model, answer(&app, sse, request).await))
}

async fn answer(app: &App, sse: Sse, request: Request) -> Result<Response> {
    let delivery = request.delivery();
    let header = app.header("cmpl", &request.model);
    let choices = request.choices()?;
    let generations = request.generations()?;
    let prompts = generations.len();
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
