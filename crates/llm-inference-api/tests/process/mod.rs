//! This program as another process sees it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) port: u64,
}

impl Server {
    /// Resolves when it serves.
    pub(crate) fn start(directory: &std::path::Path, config: &str) -> Self {
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

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port as u16)).unwrap();
        connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.write_all((head + body).as_bytes()).unwrap();
        BufReader::new(connection)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of a process that has ended is no news.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn rest(mut answer: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    answer.read_to_string(&mut text).unwrap();
    text
}
