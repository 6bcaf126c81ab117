//! A server to put behind gateways: it answers any chat at once, with as many chunks as tokens are asked for, and does as little as
//! HTTP allows, so that what is measured is the gateway.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use futures_util::stream::{self, Stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Collected, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The one model that it says it has.
pub(crate) const MODEL: &str = "measured";
/// Of every prompt.
const PROMPT_TOKENS: u64 = 16;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    address: SocketAddr,
}

/// Serves until the process ends, on one thread.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.address).await.context("cannot listen")?;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (connection, _) = accepted?;
                    connection.set_nodelay(true)?;
                    connections.spawn(serve(connection));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    })
}

async fn serve(connection: TcpStream) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
    // A client that breaks off is its own affair.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

async fn answer(request: Request<Incoming>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    if request.method() == Method::GET {
        return whole(&json!({"object": "list", "data": [{"id": MODEL, "object": "model"}]}));
    }
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let fields: Value = serde_json::from_slice(&body).unwrap_or_default();
    let tokens = fields["max_tokens"].as_u64().unwrap_or(1);
    if fields["stream"] != true {
        let message = json!({"role": "assistant", "content": "word ".repeat(tokens as usize)});
        let choice = json!({"index": 0, "message": message, "finish_reason": "length"});
        return whole(&chunk("chat.completion", &json!([choice]), &usage(tokens)));
    }
    let body = StreamBody::new(events(tokens, fields["stream_options"]["include_usage"] == true));
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    response
}

fn whole(value: &Value) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let mut response = Response::new(Full::from(value.to_string()).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Each chunk in a write of its own, as an engine that computes between two of them sends them.
fn events(tokens: u64, with_usage: bool) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let delta = |text: &str, finish_reason: Option<&str>| {
        let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": finish_reason});
        event(&chunk("chat.completion.chunk", &json!([choice]), &Value::Null))
    };
    // LiteLLM ends a stream that says the same again and again.
    let words = [delta("one ", None), delta("other ", None)];
    let last = delta("end", Some("length"));
    let usage = with_usage.then(|| event(&chunk("chat.completion.chunk", &json!([]), &usage(tokens))));
    let middle = (1..tokens).map(move |index| words[index as usize % words.len()].clone());
    let all = middle.chain([last]).chain(usage).chain([Bytes::from_static(b"data: [DONE]\n\n")]);
    stream::unfold(all, |mut all| async {
        tokio::task::yield_now().await;
        all.next().map(|event| (Ok(Frame::data(event)), all))
    })
}

fn event(chunk: &Value) -> Bytes {
    format!("data: {chunk}\n\n").into()
}

fn chunk(object: &str, choices: &Value, usage: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": object, "created": 1, "model": MODEL, "choices": choices, "usage": usage})
}

fn usage(tokens: u64) -> Value {
    json!({"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens, "total_tokens": PROMPT_TOKENS + tokens})
}
