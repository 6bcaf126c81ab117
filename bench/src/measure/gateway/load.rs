//! Requests to a gateway, or to what is behind it: at a fixed rate, as many as it takes, and streams.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::upstream::MODEL;

/// A server, and the connections to it that are open and have nothing to do, as a client's library keeps them.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Host and port.
    authority: String,
    authorization: String,
    /// Those of a runtime that has ended are not ready, and are let go.
    idle: Arc<Mutex<Vec<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives it for as long as it is kept.
    _task: JoinSet<hyper::Result<()>>,
}

impl Target {
    pub(super) fn new(authority: impl Into<String>, key: &str) -> Self {
        Self { authority: authority.into(), authorization: format!("Bearer {key}"), idle: Arc::default() }
    }

    /// So many requests each second for this long, whether or not the earlier ones are answered; how long each took.
    pub(super) fn at_rate(&self, rate: u32, time: Duration) -> Result<Vec<Duration>> {
        let body = chat(1, false);
        run(async {
            let mut answers = JoinSet::new();
            // One that comes late is followed at once by those that are due.
            let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
            for _ in 0..u64::from(rate) * time.as_secs() {
                due.tick().await;
                let (target, body) = (self.clone(), body.clone());
                answers.spawn(async move {
                    let start = Instant::now();
                    target.ask(body).await.map(|_| start.elapsed())
                });
            }
            answers.join_all().await.into_iter().collect()
        })
    }

    /// So many clients, each of which sends its next request as soon as it has an answer; requests a second.
    pub(super) fn at_most(&self, clients: usize, time: Duration) -> Result<f64> {
        let body = chat(1, false);
        run(async {
            let start = Instant::now();
            let mut all = JoinSet::new();
            for _ in 0..clients {
                let (target, body) = (self.clone(), body.clone());
                all.spawn(async move {
                    let mut answered = 0_u32;
                    while start.elapsed() < time {
                        target.ask(body.clone()).await?;
                        answered += 1;
                    }
                    anyhow::Ok(answered)
                });
            }
            let answered = all.join_all().await.into_iter().sum::<Result<u32>>()?;
            Ok(f64::from(answered) / start.elapsed().as_secs_f64())
        })
    }

    /// Streams of so many chunks, one after the other; how long each took.
    pub(super) fn streams(&self, streams: usize, chunks: usize) -> Result<Vec<Duration>> {
        let body = chat(chunks, true);
        run(async {
            let mut times = Vec::with_capacity(streams);
            for _ in 0..streams {
                let start = Instant::now();
                let events = self.ask(body.clone()).await?;
                times.push(start.elapsed());
                ensure!(events > chunks, "{events} events in place of {chunks} chunks and an end");
            }
            Ok(times)
        })
    }

    /// Waits for the whole answer; how many events it has.
    async fn ask(&self, body: Bytes) -> Result<usize> {
        let mut connection = self.connection().await?;
        let request = Request::post("/v1/chat/completions")
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Full::new(body))?;
        let response = connection.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status == StatusCode::OK, "{} answered {status}: {}", self.authority, String::from_utf8_lossy(&body));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(body.windows(2).filter(|pair| pair == b"\n\n").count())
    }

    async fn connection(&self) -> Result<Connection> {
        while let Some(mut idle) = self.take() {
            if idle.sender.ready().await.is_ok() {
                return Ok(idle);
            }
        }
        let stream =
            TcpStream::connect(&self.authority).await.with_context(|| format!("cannot reach {}", self.authority))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(connection);
        Ok(Connection { sender, _task: task })
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

fn chat(tokens: usize, stream: bool) -> Bytes {
    let messages = json!([{"role": "user", "content": "Show all customers who ordered in the last thirty days"}]);
    json!({"model": MODEL, "messages": messages, "max_tokens": tokens, "stream": stream}).to_string().into()
}

/// On one thread: what the clients take of the processors is missing to those who answer.
fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
