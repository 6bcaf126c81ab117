//! A JSON body: of the right type, within the limit, in time, and what it has to be.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use openai::Body;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::App;
use crate::answer::{Error, Result};

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
    let place =
        place.map_err(|_| backend::Error::QueueFull { reason: "too many large requests at once", retry_after: patience })?;
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
    match timeout(patience, Limited::new(request.into_body(), limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::PayloadTooLarge { limit }),
        Ok(Err(error)) => Err(Error::BodyUnreadable { reason: error.to_string() }),
        Err(_) => Err(Error::BodyUnreadable { reason: format!("it took longer than {} s", patience.as_secs()) }),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
