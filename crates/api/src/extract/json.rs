//! A JSON body: of the right type, within the limit, in time, and what it has to be.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use openai::Body;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::room::Full;
use crate::App;
use crate::answer::{Error, Result};
use crate::app::Settings;

#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Body + Send + 'static> FromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let Unread(bytes) = Unread::from_request(request, app).await?;
        parse(app, bytes).await.map(Self)
    }
}

/// Bytes of a body that are read on the spot. Millions of small values in a large one take so long that nobody else on this thread
/// would get an answer.
const READ_ON_THE_SPOT: usize = 64 * 1024;

/// What a body says.
pub(crate) async fn parse<T: Body + Send + 'static>(app: &App, bytes: Bytes) -> Result<T> {
    Ok(look_into(app, bytes, T::parse).await??)
}

/// What `look` finds in a body. Of large ones, which become larger still, only as many are looked into at once as the app has
/// places for.
pub(crate) async fn look_into<T: Send + 'static>(
    app: &App,
    bytes: Bytes,
    look: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T> {
    if bytes.len() <= READ_ON_THE_SPOT {
        return Ok(look(&bytes));
    }
    let patience = app.settings.body_timeout;
    let place = timeout(patience, Arc::clone(&app.large_bodies).acquire_owned()).await;
    let place = place.map_err(|_| too_many(patience))?;
    // The place is taken until the body is read, also where nobody waits for it any more.
    let read = move || {
        let found = look(&bytes);
        drop(place);
        found
    };
    Ok(spawn_blocking(read).await.map_err(backend::Error::internal)?)
}

/// The same before anybody has looked into it.
#[derive(Debug)]
pub(crate) struct Unread(pub(crate) Bytes);

impl FromRequest<App> for Unread {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        if !is_json(request.headers().get(CONTENT_TYPE)) {
            return Err(Error::UnsupportedMediaType);
        }
        Ok(Self(read(request, app).await?))
    }
}

/// `application/json`, with or without parameters, and everything that ends in `+json`.
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The whole body, counted as it arrives: a chunked one does not say how long it will be.
async fn read(request: Request, app: &App) -> Result<Bytes> {
    let limit = app.settings.body_limit;
    if declared_length(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(Error::PayloadTooLarge { limit });
    }
    let patience = app.settings.body_timeout;
    match timeout(patience, gather(app, Limited::new(request.into_body(), limit))).await {
        Ok(body) => body,
        Err(_) => Err(Error::BodyUnreadable { reason: format!("it took longer than {} s", patience.as_secs()) }),
    }
}

async fn gather(app: &App, mut body: Limited<axum::body::Body>) -> Result<Bytes> {
    let Settings { body_limit: limit, body_timeout, .. } = *app.settings;
    let mut arriving = app.body_room.begin();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error {
            error if error.is::<LengthLimitError>() => Error::PayloadTooLarge { limit },
            error => Error::BodyUnreadable { reason: error.to_string() },
        })?;
        let pushed = frame.data_ref().map_or(Ok(()), |bytes| arriving.push(bytes));
        pushed.map_err(|Full| too_many(body_timeout))?;
    }
    Ok(arriving.end())
}

fn too_many(retry_after: Duration) -> backend::Error {
    backend::Error::QueueFull { reason: "too many large requests at once", retry_after }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
