//! Puts a [`ClientAddress`](crate::client_address::ClientAddress) into the extensions.

use axum::extract::Request;

use crate::App;
use crate::serve::Arrival;

pub(super) fn note_client(app: &App, request: &mut Request) {
    if let Some(Arrival { peer, .. }) = request.extensions().get() {
        let client = app.settings.trusted_proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(client);
    }
}
