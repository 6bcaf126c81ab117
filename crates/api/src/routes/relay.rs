//! Requests for models on other servers: handed on as they are, and so are their answers.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use backend::{Endpoint, ModelCard, Piece, Pieces};
use futures_core::Stream;
use futures_util::StreamExt;

use crate::App;
use crate::answer::{Error, Result};
use crate::sse::{Frame, Sse};

/// What came of a request.
pub(super) enum Handed {
    On(Response),
    /// None of its servers can answer, and this model, which runs here, is to be asked in their place.
    Back {
        to: String,
        sse: Sse,
    },
}

/// The model that a request is for, if it is to be handed on.
pub(super) fn model(app: &App, body: &[u8]) -> Option<Arc<ModelCard>> {
    let model = openai::model(body).filter(|model| app.service.relays(model))?;
    app.service.card(&model).ok()
}

pub(super) async fn hand_on(app: &App, sse: Sse, endpoint: Endpoint, body: &[u8]) -> Result<Handed> {
    let passage = openai::passage(endpoint, body)?;
    let (asked, stream) = (passage.model.clone(), passage.stream);
    match app.service.relay(passage).await {
        Ok(pieces) if stream => Ok(Handed::On(sse.answer(frames(pieces)))),
        Ok(pieces) => whole(pieces).await.map(Handed::On),
        Err(error) => match app.service.fallback_here(&asked).filter(|_| error.is_its_models()) {
            Some(to) => Ok(Handed::Back { to, sse }),
            None => Err(error.into()),
        },
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
