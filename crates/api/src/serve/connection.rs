//! One connection: TLS if the server speaks it, then HTTP/1.1 or HTTP/2, whichever the client begins.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::open::Open;
use super::patience::Patient;
use super::requests::Requests;
use crate::app::Settings;
use crate::tls::Tls;
use crate::{App, router};

/// Bytes of a request's head that hyper gathers before it gives up with an answer of its own, which has no body;
/// `middleware::admit` gives up earlier.
const LARGEST_HEAD: usize = 128 * 1024;
/// Headers that hyper counts before it gives up so.
const MOST_HEADERS: usize = 256;
/// Requests at once on one connection of HTTP/2. Each that is taken back by its client before it was answered counts until
/// its handler is gone, and h2 ends a connection that takes back too many.
const MOST_STREAMS: u32 = 128;

/// How long what is left of an answer may take to be sent when somebody else wants the place of its connection.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// How a request came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Who is at the other end of the connection: the client, or a proxy.
    pub(crate) peer: SocketAddr,
    pub(crate) protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Https,
    /// Plain HTTP where TLS is spoken: the client is told so.
    Mistaken,
}

/// Makes connections out of sockets.
pub(super) struct Connections {
    http: Builder<TokioExecutor>,
    router: Router,
    tls: Option<Tls>,
    patience: Patience,
    /// No further request is taken.
    closing: CancellationToken,
    open: Open,
}

#[derive(Debug, Clone, Copy)]
struct Patience {
    head: Duration,
    write: Duration,
}

impl Connections {
    pub(super) fn new(app: &App) -> Self {
        let Settings { head_timeout, write_timeout, tls, .. } = &*app.settings;
        Self {
            http: builder(*head_timeout),
            router: router(app.clone()),
            tls: tls.clone(),
            patience: Patience { head: *head_timeout, write: *write_timeout },
            closing: CancellationToken::new(),
            open: Open::default(),
        }
    }

    /// Serves this one until it ends, by whomever.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr) -> impl Future<Output = ()> + Send + use<> {
        // Tokens are small and each is waited for.
        let _ = stream.set_nodelay(true);
        let requests = Arc::new(Requests::default());
        let place = self.open.enter(Arc::clone(&requests), Instant::now());
        let (Patience { head, write }, closing) = (self.patience, self.closing.clone());
        let connection = Connection {
            http: self.http.clone(),
            router: self.router.clone(),
            tls: self.tls.clone(),
            stall: self.patience.write,
            closing: self.closing.clone(),
            wanted: place.wanted().clone(),
            requests: Arc::clone(&requests),
            peer,
        };
        async move {
            tokio::select! {
                () = connection.run(stream) => {}
                // hyper counts the time of a head only once it knows which HTTP it is, so a client that sends nothing, or never ends its
                // handshake, or sends the beginning of HTTP/2's first line, would hold its connection for ever; and of HTTP/2, for as
                // long as the client answers pings.
                () = requests.idle(head) => tracing::debug!("a connection asked for nothing"),
                () = requests.untaken(write) => tracing::debug!("a connection took nothing of its answers"),
                () = left(told(place.wanted(), &closing), &requests) => tracing::debug!("a connection that was told to end is ended"),
            }
        }
    }

    /// Has a connection that asks for nothing end.
    pub(super) fn make_room(&self) {
        self.open.make_room(Instant::now());
    }

    /// No further request is taken, and each connection ends when its last answer is sent.
    pub(super) fn finish(self) {
        self.closing.cancel();
    }
}

/// Resolves when a connection that was told to end has to be gone, whatever its client does. An answer may still be on its way, and a
/// request may have come just before.
async fn left(told: impl Future<Output = ()>, requests: &Requests) {
    told.await;
    if requests.begun() == 0 {
        return;
    }
    loop {
        sleep(LAST_BYTES).await;
        if !requests.run() {
            return;
        }
    }
}

/// Resolves when a connection is to end: its place is wanted, or no further request is taken.
async fn told(wanted: &CancellationToken, closing: &CancellationToken) {
    tokio::select! {
        () = wanted.cancelled() => {}
        () = closing.cancelled() => {}
    }
}

fn builder(patience: Duration) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // A client that sends its head a byte a minute must not hold a connection for ever.
    http.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(LARGEST_HEAD).max_headers(MOST_HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEAD as u32);
    http
}

/// What one connection needs.
struct Connection {
    http: Builder<TokioExecutor>,
    router: Router,
    tls: Option<Tls>,
    stall: Duration,
    closing: CancellationToken,
    wanted: CancellationToken,
    requests: Arc<Requests>,
    peer: SocketAddr,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let stream = Patient::new(stream, self.stall);
        let Some(tls) = &self.tls else { return self.speak(stream, Protocol::Http).await };
        match self.closing.run_until_cancelled(begin(tls, stream)).await {
            Some(Ok(Begun::Https(stream))) => self.speak(*stream, Protocol::Https).await,
            Some(Ok(Begun::Mistaken(stream))) => self.speak(stream, Protocol::Mistaken).await,
            // Clients that do not trust the certificate hang up, and so do port scanners.
            Some(Err(error)) => tracing::debug!(%error, "no TLS came about"),
            None => {}
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, protocol: Protocol) {
        let Self { http, router, closing, wanted, requests, peer, .. } = self;
        let arrival = Arrival { peer, protocol };
        let service = TowerToHyperService::new(router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(arrival);
            let running = requests.begin(request.version() == Version::HTTP_2);
            request.extensions_mut().insert(running);
            request.map(Body::new)
        }));
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told(&wanted, &closing) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // Clients hang up; that is no news.
        if let Err(error) = ended {
            tracing::debug!(error, "a connection ended early");
        }
    }
}

/// What a client began to speak on a port for TLS.
enum Begun {
    Https(Box<TlsStream<Patient<TcpStream>>>),
    Mistaken(Patient<TcpStream>),
}

async fn begin(tls: &Tls, stream: Patient<TcpStream>) -> io::Result<Begun> {
    let mut first = [0];
    stream.get().peek(&mut first).await?;
    // Methods are of capital letters, and so is HTTP/2's first line; a handshake begins with the byte 22.
    if first[0].is_ascii_uppercase() {
        return Ok(Begun::Mistaken(stream));
    }
    Ok(Begun::Https(Box::new(tls.acceptor().accept(stream).await?)))
}
