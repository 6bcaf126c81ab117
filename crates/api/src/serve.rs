//! Connections, from the first to the last.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::{App, router};

/// How long a cancelled answer may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// When to try again after the system refused a connection: mostly because too many files are open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves; then refuses what is new, lets what runs finish within the grace period, and cancels
/// the rest. Returns when no connection is left.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let server = Server::new(app);
    tokio::select! {
        never = server.accept(&listener) => match never {},
        () = shutdown => {}
    }
    let deadline = Instant::now() + server.app.settings.grace;
    server.drain(&listener, deadline).await;
    drop(listener);
    server.stop(deadline).await;
    Ok(())
}

/// Resolves if nothing was heard in time. hyper counts the time of a head only once it knows which HTTP it is, so a client
/// that sends nothing, or the beginning of HTTP/2's first line, would hold its connection for ever.
async fn silence(patience: Duration, heard: CancellationToken) {
    if timeout(patience, heard.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

struct Server {
    app: App,
    router: Router,
    http: Builder<TokioExecutor>,
    connections: TaskTracker,
    /// Ends every connection at once.
    over: CancellationToken,
    graceful: GracefulShutdown,
}

impl Server {
    fn new(app: App) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        // A client that sends its head a byte a minute must not hold a connection for ever.
        http.http1().timer(TokioTimer::new()).header_read_timeout(app.settings.head_timeout);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(app.settings.head_timeout)
            .keep_alive_timeout(app.settings.head_timeout);
        let router = router(app.clone());
        let (connections, graceful) = (TaskTracker::new(), GracefulShutdown::new());
        Self { app, router, http, connections, over: CancellationToken::new(), graceful }
    }

    async fn accept(&self, listener: &TcpListener) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.connect(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn connect(&self, stream: TcpStream) {
        // Tokens are small and each is waited for.
        let _ = stream.set_nodelay(true);
        let heard = CancellationToken::new();
        let asked = heard.clone();
        let service = TowerToHyperService::new(self.router.clone().map_request(move |request: Request<Incoming>| {
            asked.cancel();
            request.map(Body::new)
        }));
        let connection = self.http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = self.graceful.watch(connection);
        let (over, patience) = (self.over.clone(), self.app.settings.head_timeout);
        self.connections.spawn(async move {
            tokio::select! {
                // Clients hang up; that is no news.
                ended = over.run_until_cancelled(connection) => if let Some(Err(error)) = ended {
                    tracing::debug!(error, "a connection ended early");
                },
                () = silence(patience, heard) => tracing::debug!("a connection asked for nothing"),
            }
        });
    }

    /// Until nothing runs any more. Connections are taken all the while: who asks now is told to come again, and whoever
    /// spreads the load sees in `/health/ready` where not to send anybody.
    async fn drain(&self, listener: &TcpListener, deadline: Instant) {
        let service = &self.app.service;
        service.drain();
        tokio::select! {
            never = self.accept(listener) => match never {},
            drained = timeout_at(deadline, service.idle()) => if drained.is_err() {
                tracing::warn!("the grace period is over: what still runs is cancelled");
                service.cancel();
            },
        }
    }

    /// Closes idle connections at once, and the others when their answers are sent.
    async fn stop(self, deadline: Instant) {
        let Self { connections, over, graceful, .. } = self;
        connections.close();
        let sent = async {
            graceful.shutdown().await;
            connections.wait().await;
        };
        if timeout_at(deadline.max(Instant::now() + LAST_WORDS), sent).await.is_err() {
            over.cancel();
            connections.wait().await;
        }
    }
}
