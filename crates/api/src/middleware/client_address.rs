//! Puts a [`ClientAddress`](crate::client_address::ClientAddress) into the extensions.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::App;
use crate::serve::Arrival;

pub(crate) async fn client_address(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if let Some(Arrival { peer, .. }) = request.extensions().get() {
        let client = app.settings.trusted_proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}
