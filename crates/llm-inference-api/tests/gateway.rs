//! Three processes of this program: two that run the embedded model, and one before them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// A server that ends with the test.
struct Server {
    process: Child,
    port: u64,
}

impl Server {
    /// Resolves when it serves.
    fn start(directory: &std::path::Path, config: &str) -> Self {
        let file = directory.join("config.yaml");
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_llm-inference-api"));
        command.args(["serve", "--host", "127.0.0.1", "--port", "0", "--log-format", "json", "--otlp-disabled", "--config"]);
        command.arg(&file).env_clear().env("LLM_DATA_DIR", directory).current_dir(directory);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.by_ref().find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).ok()?;
            let listening = line.to_string().contains("listening");
            listening.then(|| line.pointer("/fields/address").or(line.get("address")).cloned()).flatten()
        });
        // Read on, or it would stand still when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("it says where it listens");
        let port = address.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port as u16)).unwrap();
        connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.write_all((head + body).as_bytes()).unwrap();
        BufReader::new(connection)
    }

    fn chat(&self, fields: &Value) -> BufReader<TcpStream> {
        let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.ask("POST", "/v1/chat/completions", &body.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of a process that has ended is no news.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn rest(mut answer: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    answer.read_to_string(&mut text).unwrap();
    text
}

/// Reads as far as the first piece of an answer.
fn until_it_speaks(answer: &mut BufReader<TcpStream>) {
    let mut line = String::new();
    while !line.contains("\"content\":\"") || line.contains("\"content\":\"\"") {
        line.clear();
        assert_ne!(answer.read_line(&mut line).unwrap(), 0, "the stream has ended before it began");
    }
}

#[test]
fn a_server_that_is_killed_takes_only_its_own_streams_along() {
    let directory = tempfile::tempdir().unwrap();
    let upstream = |name: &str| Server::start(&directory.path().join(name), "");
    let (mut doomed, survivor) = (upstream("doomed"), upstream("survivor"));
    let config = format!(
        "models:\n  - {{id: demo, balance: round_robin, upstreams: [{{url: '{}'}}, {{url: '{}'}}]}}\n",
        doomed.url(),
        survivor.url()
    );
    let gateway = Server::start(&directory.path().join("gateway"), &config);
    // Long enough that none is at its end when the server is killed.
    let long = json!({"stream": true, "ignore_eos": true, "max_tokens": 1900, "n": 2});
    let mut streams: Vec<_> = (0..4).map(|_| gateway.chat(&long)).collect();
    streams.iter_mut().for_each(until_it_speaks);
    // SIGKILL.
    doomed.process.kill().unwrap();
    doomed.process.wait().unwrap();
    let ends: Vec<String> = streams.into_iter().map(rest).collect();
    let well = ends.iter().filter(|end| end.contains("data: [DONE]") && !end.contains("event: error")).count();
    let broken = ends.iter().filter(|end| end.contains("event: error") && !end.contains("data: [DONE]")).count();
    assert_eq!((well, broken), (2, 2));
    for _ in 0..6 {
        let answer = rest(gateway.chat(&json!({"max_tokens": 4})));
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"completion_tokens\":"), "{answer}");
    }
    let metrics = rest(gateway.ask("GET", "/metrics", ""));
    let survived = format!("gateway_upstream_usable{{model=\"demo\",upstream=\"{}\"}} 1", survivor.url());
    assert!(metrics.contains(&survived), "{metrics}");
}
