//! Connections, from the first to the last.

mod connection;
mod open;
mod patience;
mod requests;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::App;
use connection::Connections;
pub(crate) use connection::{Arrival, Protocol};
pub(crate) use requests::Running;

/// How long a cancelled answer may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// So long nothing is said of what was said already.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// How long somebody waits for a place before one more connection that asks for nothing has to make room.
const MAKE_ROOM_AGAIN: Duration = Duration::from_millis(100);
/// When to try again after the system refused a connection: mostly because too many files are open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves; then refuses what is new, lets what runs finish within the grace period, and cancels
/// the rest. Returns when no connection is left.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    tokio::select! {
        never = keep_certificate_current(&app) => match never {},
        () = serve_until(listener, app.clone(), shutdown) => Ok(()),
    }
}

async fn keep_certificate_current(app: &App) -> Infallible {
    match &app.settings.tls {
        Some(tls) => tls.keep_current(app.settings.tls_reload_every, app.settings.clock).await,
        None => std::future::pending().await,
    }
}

async fn serve_until(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    let grace = app.settings.grace;
    let server = Server::new(app);
    tokio::select! {
        never = server.accept(&listener) => match never {},
        () = shutdown => {}
    }
    let deadline = Instant::now() + grace;
    server.drain(&listener, deadline).await;
    drop(listener);
    server.stop(deadline).await;
}

struct Server {
    app: App,
    connections: Connections,
    tasks: TaskTracker,
    /// One for each connection that there may be.
    places: Arc<Semaphore>,
    /// Ends every connection at once.
    over: CancellationToken,
}

impl Server {
    fn new(app: App) -> Self {
        let connections = Connections::new(&app);
        let places = Arc::new(Semaphore::new(app.settings.max_connections.min(Semaphore::MAX_PERMITS)));
        Self { app, connections, tasks: TaskTracker::new(), places, over: CancellationToken::new() }
    }

    async fn accept(&self, listener: &TcpListener) -> Infallible {
        let mut told = None;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let place = self.place(&mut told).await;
                    let connection = self.connections.serve(stream, peer);
                    let over = self.over.clone();
                    self.tasks.spawn(async move {
                        over.run_until_cancelled(connection).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Who finds no place waits, and those who come after them do so in the system's backlog. `told` is when that was said last.
    async fn place(&self, told: &mut Option<Instant>) -> OwnedSemaphorePermit {
        let places = Arc::clone(&self.places);
        if places.available_permits() == 0 && told.is_none_or(|told| told.elapsed() > TELL_AGAIN) {
            tracing::warn!(connections = self.app.settings.max_connections, "all connections are taken: new ones wait");
            *told = Some(Instant::now());
        }
        let place = places.acquire_owned();
        tokio::pin!(place);
        loop {
            tokio::select! {
                biased;
                // The semaphore is never closed.
                Ok(place) = &mut place => return place,
                () = self.make_room() => {}
            }
        }
    }

    /// What is busy now may ask for nothing a moment later.
    async fn make_room(&self) {
        self.connections.make_room();
        sleep(MAKE_ROOM_AGAIN).await;
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
        let Self { connections, tasks, over, .. } = self;
        tasks.close();
        connections.finish();
        if timeout_at(deadline.max(Instant::now() + LAST_WORDS), tasks.wait()).await.is_err() {
            over.cancel();
            tasks.wait().await;
        }
    }
}
