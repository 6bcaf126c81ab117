//! What is refused before anybody looks at the path.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::answer::{Error, Result};
use crate::serve::{Arrival, Protocol};

pub(crate) async fn admit(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(request: &Request) -> Result<()> {
    let arrival = request.extensions().get::<Arrival>();
    if arrival.is_some_and(|arrival| arrival.protocol == Protocol::Mistaken) {
        return Err(Error::PlainHttp);
    }
    Ok(())
}
