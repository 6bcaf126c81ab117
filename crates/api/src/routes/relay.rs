//! Requests for models on other servers: handed on as they are, and so are their answers.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use backend::{Endpoint, ModelCard, Piece, Pieces};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use serving::Relayed;

use crate::App;
use crate::answer::{Error, Result};
use crate::extract::look_into;
use crate::sse::{Frame, Sse};

/// The model that a request is for, if it is to be handed on.
pub(super) async fn model(app: &App, body: &Bytes) -> Result<Option<Arc<ModelCard>>> {
    if !app.service.relays_any() {
        return Ok(None);
    }
    let model = look_into(app, body.clone(), openai::model).await?.filter(|model| app.service.relays(model));
    Ok(model.and_then(|model| app.service.card(&model).ok()))
}

/// `here` asks a model of this id that runs here, in the place of the one that was named.
pub(super) async fn hand_on<F>(
    app: &App,
    sse: Sse,
    endpoint: Endpoint,
    body: &Bytes,
    here: impl Fn(String) -> F,
) -> Result<Response>
where
    F: Future<Output = Result<Response>>,
{
    let passage = look_into(app, body.clone(), move |body| openai::passage(endpoint, body)).await??;
    let stream = passage.stream;
    if stream {
        sse.begins();
    }
    let here = |model| {
        let answer = Box::pin(here(model));
        async move { Ok(answer.await?) }
    };
    match app.service.relay(passage, here).await? {
        Relayed::There(pieces) if stream => Ok(sse.answer(frames(pieces))),
        Relayed::There(pieces) => whole(pieces).await,
        Relayed::Here(answer) => Ok(answer),
    }
}

async fn whole(mut pieces: Pieces) -> Result<Response> {
    let mut answer = String::new();
    while let Some(piece) = pieces.next().await {
        answer.extend(piece?.json);
    }
    Ok(([(CONTENT_TYPE, "application/json")], answer).into_response())
}

fn frames(pieces: Pieces) -> impl Stream<Item = Result<Frame>> {
    pieces.filter_map(async |piece| match piece {
        Ok(Piece { json: Some(json), .. }) => Some(Ok(frame(&json))),
        Ok(Piece { json: None, .. }) => None,
        Err(error) => Some(Err(Error::Backend(error))),
    })
}

/// A server may have written its JSON over several lines.
fn frame(json: &str) -> Frame {
    format!("data: {}\n\n", json.replace('\n', "\ndata: "))
}
