//! What a route's pattern leaves open.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::App;
use crate::answer::{Error, Result};

#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match axum::extract::Path::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            // It is not UTF-8 once `%` is decoded, and so the name of nothing.
            Err(_) => Err(Error::NoRoute { method: parts.method.to_string(), path: parts.uri.path().to_owned() }),
        }
    }
}
