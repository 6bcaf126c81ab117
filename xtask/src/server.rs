//! The built server as a child process, on a port of its own, for as long as the clients need it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Loading the embedded model takes well under a second; a loaded machine may need much longer.
const TIME_TO_BE_READY: Duration = Duration::from_mins(1);
const TIME_TO_END: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// What somebody may have set for a server of their own.
const OTHER_SETTINGS: [&str; 20] = [
    "API_KEY",
    "API_WORKERS",
    "DEBUG",
    "LLM_ALLOWED_MODELS",
    "LLM_API_KEYS_FILE",
    "LLM_CONFIG",
    "LLM_DEFAULT_MAX_TOKENS",
    "LLM_DEFAULT_TEMPERATURE",
    "LLM_DEFAULT_TOP_P",
    "LLM_KV_CACHE_BYTES",
    "LLM_MAX_CONCURRENT_REQUESTS",
    "LLM_MAX_QUEUED_REQUESTS",
    "LLM_MAX_TOKENS_LIMIT",
    "LLM_MODEL_PATH",
    "LLM_QUEUE_TIMEOUT_MS",
    "LLM_SHUTDOWN_GRACE_MS",
    "LLM_THREADS",
    "LOG_LEVEL",
    "SERVER_SSL_ENABLED",
    "TRUSTED_HOSTS",
];

#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    base_url: String,
    log: PathBuf,
}

impl Server {
    /// Starts it with the embedded model and waits until it is ready.
    pub(super) fn start(root: &Path) -> Result<Self> {
        let directory = root.join("target/clients");
        std::fs::create_dir_all(&directory)?;
        let log = directory.join("server.log");
        let address = free_address()?;
        let mut command = Command::new(binary(root));
        for name in OTHER_SETTINGS {
            command.env_remove(name);
        }
        let child = command
            .arg("serve")
            .env("LLM_INFERENCE_HOSTNAME", "127.0.0.1")
            .env("LLM_INFERENCE_PORT", address.port().to_string())
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()
            .context("cannot start the server")?;
        let mut server = Self { child, base_url: format!("http://{address}"), log };
        server.wait_until_ready(address)?;
        println!("ready on {}", server.base_url);
        Ok(server)
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks it to end and checks that it does so in time and of its own accord.
    pub(super) fn stop(&mut self) -> Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(asked.success(), "the server had ended before it was asked to\n{}", self.last_words());
        let deadline = Instant::now() + TIME_TO_END;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}\n{}", self.last_words());
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("the server did not end within {} s\n{}", TIME_TO_END.as_secs(), self.last_words())
    }

    fn wait_until_ready(&mut self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + TIME_TO_BE_READY;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at once with {status}\n{}", self.last_words());
            }
            if is_ready(address).unwrap_or(false) {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("the server was not ready within {} s\n{}", TIME_TO_BE_READY.as_secs(), self.last_words())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only where something went wrong is it still there; nothing is left to do about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo put the binary: `CARGO_TARGET_DIR` may have moved it, and this program lies beside it.
fn binary(root: &Path) -> PathBuf {
    let beside = std::env::current_exe().ok().map(|tool| tool.with_file_name("llm-inference-api"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| root.join("target/debug/llm-inference-api"))
}

/// A port that was free a moment ago. Somebody else may take it; then the server says so and the run fails plainly.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn is_ready(address: SocketAddr) -> Result<bool> {
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(connection, "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
