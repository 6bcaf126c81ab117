//! What happens to every request, from the outermost in: it gets an id, it is observed, its refusal gets a body, its panic
//! becomes one.

mod admit;
mod client_address;
mod cors;
mod identify;
mod observe;
mod panic;
mod refuse;
mod request_id;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use self::admit::admit;
use self::client_address::note_client;
use self::identify::identify;
use self::observe::observe;
use self::panic::catch_panic;
use self::refuse::refuse;
use self::request_id::request_id;
use crate::App;

pub(crate) use self::cors::cors;
pub(crate) use self::identify::{asks_for_key, is_for_admins, may_ask_for_key};
pub(crate) use self::observe::{Answered, BrokenOff, Later};
pub(crate) use self::panic::guarded;
pub(crate) use self::request_id::RequestId;

/// The outer layer. There are only two, since a layer clones all that is within it for each request.
pub(crate) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    request_id(request, async |mut request| {
        note_client(&app, &mut request);
        observe(&app, request, async |request| next.run(request).await).await
    })
    .await
}

/// The inner layer: what is answered here is a page's of another origin to read, too.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    refuse(&app, request, async |request| {
        if let Err(error) = admit(&app, &request) {
            return error.into_response();
        }
        identify(&app, request, async |request| catch_panic(next.run(request)).await).await
    })
    .await
}
