//! A server as a child process, on a port of its own, for as long as somebody needs it: the official clients, or a measurement.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Even a large model on a machine that has other work is read in this time.
const TIME_TO_BE_READY: Duration = Duration::from_mins(5);
const TIME_TO_END: Duration = Duration::from_secs(30);
/// Short enough to tell two starts apart, and long enough to leave the processors to them.
const PAUSE: Duration = Duration::from_millis(10);

/// All that a server of ours gets of this program's environment: somebody may have set anything for a server of their own.
const KEPT: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// The path at which our server says that it can answer.
pub const READY: &str = "/health/ready";

#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    ready_after: Duration,
}

/// Our own server at this address, with nothing set but what is given to it from here on.
#[expect(clippy::disallowed_methods, reason = "the rule is for the server; this keeps its environment clean")]
pub fn own(binary: &Path, address: SocketAddr) -> Command {
    let mut command = ending_with_us(binary);
    command
        .env_clear()
        .envs(KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .arg("serve")
        // Nobody's collector should hear of it, and its absence is no news.
        .env("OTEL_SDK_DISABLED", "true")
        // Whoever works on this machine may have keys and limits of their own.
        .env("LLM_DATABASE_URL", "sqlite::memory:")
        .env("LLM_INFERENCE_HOSTNAME", address.ip().to_string())
        .env("LLM_INFERENCE_PORT", address.port().to_string());
    command
}

/// A program that is asked to end when this one ends, however that comes about. Where the system has no `setpriv` it stays.
pub fn ending_with_us(program: &Path) -> Command {
    let mut setpriv = Command::new("setpriv");
    let known = setpriv.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// The built server: `CARGO_TARGET_DIR` may have moved it, and this program lies beside it.
pub fn binary(root: &Path) -> PathBuf {
    let beside = std::env::current_exe().ok().map(|tool| tool.with_file_name("llm-inference-api"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| root.join("target/debug/llm-inference-api"))
}

/// A port that was free a moment ago. Somebody else may take it; then the server says so and the run fails plainly.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Server {
    /// Starts a server that will listen at `address`, its output going to `log`, and waits until it answers `ready` with 200.
    pub fn start(command: &mut Command, address: SocketAddr, ready: &str, log: &Path) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(File::create(log)?).stderr(File::options().append(true).open(log)?);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Self { child, address, log: log.to_path_buf(), ready_after: Duration::ZERO };
        server.wait_until_ready(ready)?;
        server.ready_after = start.elapsed();
        Ok(server)
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From the start of the process to the first 200.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and checks that it does so in time and of its own accord.
    pub fn stop(&mut self) -> Result<()> {
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

    fn wait_until_ready(&mut self, ready: &str) -> Result<()> {
        let deadline = Instant::now() + TIME_TO_BE_READY;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at once with {status}\n{}", self.last_words());
            }
            if is_ready(self.address, ready).unwrap_or(false) {
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

fn is_ready(address: SocketAddr, path: &str) -> Result<bool> {
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
