//! `POST /text2sql`: a chat completion that is SQL, and says whether it parses.

mod answer;
mod request;

use axum::response::{IntoResponse, Response};
use backend::Generation;
use openai::chat::{Chunk, Chunks, Collector, Completion};
use openai::{Delivery, Header, problem};
use serving::{Database, Group};

use self::answer::{Checked, Judge, Judgement};
use self::request::{Request, Validation};
use super::openapi::{Event, ModelRefusals};
use super::streams::{each, frames};
use crate::App;
use crate::answer::Result;
use crate::extract::Json;
use crate::middleware::Answered;
use crate::sse::Sse;

type Whole = Checked<Completion>;
type Piece = Event<Checked<Chunk>, problem::Body>;

/// SQL for a question, as a chat completion that says whether it parses.
#[utoipa::path(
    post,
    path = "/text2sql",
    operation_id = "create_sql",
    tag = "OpenAI",
    request_body(content = Request, example = json!({"messages": [{"role": "user", "content": "Show all users who registered in the last 30 days"}], "max_tokens": 64})),
    responses(
        (status = 200, description = "The answer; with `stream: true` events that each carry a chunk, then `[DONE]`.",
            content((Whole = "application/json"), (Piece = "text/event-stream"))),
        ModelRefusals,
        (status = 422, description = "invalid_model_output"),
    )
)]
pub(super) async fn create(app: App, sse: Sse, Json(request): Json<Request>) -> Result<Answered> {
    let Request { model, database, validation, question } = request;
    let delivery = question.delivery();
    let name = app.service.name(model, Group::TextToSql)?;
    let model = app.service.card(&name)?;
    let generation = app.service.about(&database, question.of(name)?)?;
    let header = app.header("chatcmpl", &generation.model);
    let answer = match (validation, delivery) {
        (Validation::Strict, _) => strict(&app, header, &database, generation).await,
        (Validation::Report, Delivery::Whole) => whole(&app, header, &database, generation).await,
        (Validation::Report, Delivery::Stream { include_usage }) => {
            let chunks = Chunks::new(header, generation.choices, include_usage);
            sse.begins();
            let answering = {
                let sse = sse.clone();
                async move { Ok(Answered::by(&model, stream(&app, sse, generation, chunks, database).await)) }
            };
            return sse.or_pings(answering).await;
        }
    };
    Ok(Answered::by(&model, answer))
}

async fn whole(app: &App, header: Header, database: &Database, generation: Generation) -> Result<Response> {
    let mut collector = Collector::new(header, generation.choices);
    let mut judge = Judge::default();
    let events = app.service.generate(generation).await?;
    each(events, |event| {
        judge.hear(&event);
        collector.push(event);
    })
    .await?;
    Ok(axum::Json(Checked::new(collector.finish(), Some(judge.judge(database)))).into_response())
}

async fn strict(app: &App, header: Header, database: &Database, generation: Generation) -> Result<Response> {
    let mut collector = Collector::new(header, generation.choices);
    let answer = app.service.until_it_parses(database, generation).await?;
    answer.events.into_iter().for_each(|event| collector.push(event));
    Ok(axum::Json(Checked::new(collector.finish(), Some(Judgement::from(answer.verdict)))).into_response())
}

/// The judgement goes with the reason why the answer ended.
async fn stream(app: &App, sse: Sse, generation: Generation, mut chunks: Chunks, database: Database) -> Result<Response> {
    let events = app.service.generate(generation).await?;
    let mut judge = Judge::default();
    Ok(sse.answer(frames(events, move |event| {
        let ended = judge.hear(&event);
        let judgement = ended.then(|| judge.judge(&database));
        chunks.push(event).into_iter().map(move |chunk| Checked::new(chunk, judgement.clone()))
    })))
}
