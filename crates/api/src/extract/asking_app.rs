//! The app in the hands of whoever asks: what is generated through it is theirs to pay.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serving::Asker;

use super::via::hops;
use crate::App;

impl FromRequestParts<Self> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Self) -> Result<Self, Self::Rejection> {
        let asker = parts.extensions.get::<Asker>().cloned();
        Ok(app.on_behalf_of(asker, hops(&parts.headers)))
    }
}
