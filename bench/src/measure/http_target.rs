//! A server that speaks OpenAI's API, asked for streamed completions. Plain hyper on one thread: clients share the processors with
//! the server, and everything that they take is missing there.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::clients::{Answer, Target};

pub(super) struct HttpTarget {
    /// Host and port.
    authority: String,
    model: String,
}

impl HttpTarget {
    /// The server at an address as `http://localhost:8000`, and one of its models, the first that it lists if none is named.
    pub(super) fn new(url: &str, model: Option<&str>) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is no address of the form http://host:port"))?;
        ensure!(uri.scheme_str() == Some("http"), "{url} does not begin with http://, and only that is spoken here");
        let (host, port) = (uri.host().with_context(|| format!("{url} has no host"))?, uri.port_u16().unwrap_or(80));
        let mut target = Self { authority: format!("{host}:{port}"), model: model.unwrap_or_default().to_owned() };
        if model.is_none() {
            target.model = target.first_model().with_context(|| format!("cannot learn what {url} serves"))?;
        }
        Ok(target)
    }

    fn first_model(&self) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let list = runtime.block_on(async {
            let (_connection, response) = self.send(Request::get("/v1/models"), Bytes::new()).await?;
            anyhow::Ok(response.into_body().collect().await?.to_bytes())
        })?;
        let list: Value = serde_json::from_slice(&list)?;
        Ok(list["data"][0]["id"].as_str().context("no model is listed")?.to_owned())
    }

    /// The answer's head, and the connection, which must live as long as its body is read.
    async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<(JoinSet<hyper::Result<()>>, Response<Incoming>)> {
        let stream =
            TcpStream::connect(&self.authority).await.with_context(|| format!("cannot reach {}", self.authority))?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        let request = request.header(header::HOST, &self.authority).header(header::CONTENT_TYPE, "application/json");
        let response = sender.send_request(request.body(Full::new(body))?).await?;
        Ok((connections, response))
    }

    /// The body of a 200 and its connection.
    async fn post(&self, path: &str, request: &Value) -> Result<(JoinSet<hyper::Result<()>>, Incoming)> {
        let (connection, response) = self.send(Request::post(path), request.to_string().into()).await?;
        let (status, body) = (response.status(), response.into_body());
        if !status.is_success() {
            let text = body.collect().await?.to_bytes();
            anyhow::bail!("{} answered {status}: {}", self.authority, String::from_utf8_lossy(&text));
        }
        Ok((connection, body))
    }

    /// The answer to a request in one piece. The model's name is put into it.
    pub(super) async fn whole(&self, path: &str, mut request: Value) -> Result<Value> {
        request["model"] = json!(self.model);
        let (_connection, body) = self.post(path, &request).await?;
        Ok(serde_json::from_slice(&body.collect().await?.to_bytes())?)
    }
}

impl Target for HttpTarget {
    async fn ask(&self, prompt: &[u32], tokens: usize) -> Result<Answer> {
        let request = json!({
            "model": self.model,
            "prompt": prompt,
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": true,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        let start = Instant::now();
        let (_connection, mut body) = self.post("/v1/completions", &request).await?;
        let mut events = Events::default();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                events.push(&data, start.elapsed())?;
            }
        }
        Ok(events.answer)
    }
}

/// Server-sent events, put together again from however the network cut them.
#[derive(Default)]
struct Events {
    line: Vec<u8>,
    answer: Answer,
}

impl Events {
    fn push(&mut self, data: &[u8], now: Duration) -> Result<()> {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.read(line.trim_ascii_end(), now)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, line: &[u8], now: Duration) -> Result<()> {
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start).filter(|data| *data != b"[DONE]") else {
            return Ok(());
        };
        let chunk: Value = serde_json::from_slice(data).context("an event that is no JSON")?;
        ensure!(chunk["error"].is_null(), "the answer broke off: {}", chunk["error"]);
        if chunk["choices"][0]["text"].as_str().is_some_and(|text| !text.is_empty()) {
            self.answer.pieces.push(now);
        }
        if let Some(tokens) = chunk["usage"]["completion_tokens"].as_u64() {
            self.answer.tokens = tokens as usize;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        ": ping\n\n",
        "data: {\"choices\":[{\"text\":\"a\"}]}\n\n",
        "data: {\"choices\":[{\"text\":\" b\"}]}\n\n",
        "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n",
    );

    #[test]
    fn pieces_are_counted_however_the_stream_is_cut() {
        for size in 1..STREAM.len() {
            let mut events = Events::default();
            for data in STREAM.as_bytes().chunks(size) {
                events.push(data, Duration::ZERO).unwrap();
            }
            assert_eq!(events.answer, Answer { pieces: vec![Duration::ZERO; 2], tokens: 2 }, "pieces of {size}");
        }
    }

    #[test]
    fn an_error_in_the_stream_is_not_overlooked() {
        let mut events = Events::default();
        assert!(events.push(b"data: {\"error\":{\"message\":\"gone\"}}\n\n", Duration::ZERO).is_err());
    }
}
