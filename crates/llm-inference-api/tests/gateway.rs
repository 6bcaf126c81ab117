//! Three processes of this program: two that run the embedded model, and one before them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod process;

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use process::{Server, rest};
use serde_json::{Value, json};

impl Server {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn chat(&self, fields: &Value) -> BufReader<TcpStream> {
        let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.ask("POST", "/v1/chat/completions", &body.to_string())
    }
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
