//! A server behind a gateway, which does what a test says, down to the byte and to the end of the connection.

mod request;
mod script;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::request::Received;
pub use self::script::{Act, Step, chunk, last, usage};

/// Listens on a port of its own until it is dropped. It says that it is well, and has no models to list, unless it is told otherwise.
#[derive(Debug)]
pub struct Upstream {
    pub address: SocketAddr,
    stage: Arc<Stage>,
    _listening: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Stage {
    script: Mutex<Script>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Script {
    acts: VecDeque<Act>,
    received: Vec<Received>,
    sick: bool,
}

/// What has come of the requests so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Those for answers; looks at how it is do not count.
    pub requests: usize,
    /// Answers that the other side did not wait for.
    pub left: usize,
    /// Looks at how it is.
    pub looks: usize,
    /// Connections that were made.
    pub connections: usize,
    /// Gates that were come to.
    pub gates: usize,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let stage = Arc::new(Stage::default());
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, Arc::clone(&stage)));
        Self { address, stage, _listening: listening }
    }

    /// Where nobody listens.
    #[expect(clippy::unused_async, reason = "it is asked for as a server is")]
    pub async fn nowhere() -> String {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
        let address = socket.local_addr().expect("it is bound");
        // Kept for as long as the process lives, so that nobody else comes to listen there.
        Box::leak(Box::new(socket));
        format!("http://{address}")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to the next request for which nothing is said yet.
    pub fn then(&self, act: Act) -> &Self {
        self.stage.script().acts.push_back(act);
        self
    }

    /// The same for several requests.
    pub fn often(&self, times: usize, act: &Act) -> &Self {
        for _ in 0..times {
            self.then(act.clone());
        }
        self
    }

    /// Whether it says so.
    pub fn is_well(&self, well: bool) {
        self.stage.script().sick = !well;
    }

    /// Every request for an answer that came, in order.
    pub fn received(&self) -> Vec<Received> {
        self.stage.script().received.clone()
    }

    /// The only one.
    pub fn only(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "there is not one request");
        received.remove(0)
    }

    /// Resolves when so much has come.
    pub async fn until(&self, wanted: impl FnMut(&Seen) -> bool) -> Seen {
        *self.stage.seen.subscribe().wait_for(wanted).await.expect("the sender lives as long as self")
    }
}

impl Stage {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done about a request.
    fn next(&self, received: Received) -> Act {
        let mut script = self.script();
        if received.method == "GET" {
            self.seen.send_modify(|seen| seen.looks += 1);
            return match received.path.as_str() {
                "/health" if script.sick => Act::status(503, "{}"),
                "/health" => Act::status(200, "{}"),
                _ => Act::status(404, "{}"),
            };
        }
        script.received.push(received);
        let act = script.acts.pop_front();
        drop(script);
        self.seen.send_modify(|seen| seen.requests += 1);
        act.unwrap_or_else(|| Act::status(500, r#"{"error":{"message":"the script is at its end"}}"#))
    }
}

async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let stage = Arc::clone(&stage);
        stage.seen.send_modify(|seen| seen.connections += 1);
        connections.spawn(async move {
            // How a connection ends is what the test looks at from the other side.
            let _ = serve(connection, &stage).await;
        });
    }
}

async fn serve(mut connection: TcpStream, stage: &Stage) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut read = Vec::new();
    while let Some(received) = request::read(&mut connection, &mut read).await? {
        let Act(steps) = stage.next(received);
        for step in steps {
            if !take(step, &mut connection, stage).await? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether the connection goes on.
async fn take(step: Step, connection: &mut TcpStream, stage: &Stage) -> io::Result<bool> {
    let left = |_: &io::Error| stage.seen.send_modify(|seen| seen.left += 1);
    match step {
        Step::Write(bytes) => {
            connection.write_all(&bytes).await.inspect_err(left)?;
            connection.flush().await?;
            Ok(true)
        }
        Step::Stall => {
            // Until the other side has enough of it.
            let _ = connection.read(&mut [0; 1]).await;
            stage.seen.send_modify(|seen| seen.left += 1);
            Ok(false)
        }
        Step::Close => Ok(false),
        Step::Reset => {
            connection.set_zero_linger()?;
            Ok(false)
        }
        Step::Wait(gate) => {
            stage.seen.send_modify(|seen| seen.gates += 1);
            let mut opened = gate.subscribe();
            let _ = opened.wait_for(|open| *open).await;
            Ok(true)
        }
    }
}
