//! Those who stand between client and server: nobody, this workspace's server, and others where they are installed.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xtask::server::{self, Server};

use super::load::Target;
use crate::upstream::MODEL;

pub(super) const NGINX: &str = "nginx";
pub(super) const LITELLM: &str = "LiteLLM";

/// Others check it too, where they can.
const THEIR_KEY: &str = "sk-measured";
/// Of tokens and of requests: counted for each request, and never reached.
const QUOTA: &str = "1000000000000";

/// One of them, running.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) target: Target,
    pub(super) process: Server,
}

/// Where they are started, each with files of its own.
pub(super) struct Stand {
    pub(super) directory: PathBuf,
    pub(super) upstream: SocketAddr,
}

impl Stand {
    /// The server behind all of them, which is this program once more.
    pub(super) fn upstream(directory: PathBuf) -> Result<(Self, Contender)> {
        fs::create_dir_all(&directory)?;
        let address = server::free_address()?;
        let mut command = server::ending_with_us(&std::env::current_exe()?);
        command.args(["upstream", "--address", &address.to_string()]);
        let stand = Self { directory, upstream: address };
        let contender = stand.start(&mut command, address, "/", "upstream", "")?;
        Ok((stand, contender))
    }

    /// With all that a company would have on: a key, its organisation's quotas by day and month in a database, the limit by address.
    pub(super) fn ours(&self, binary: &Path) -> Result<Contender> {
        let settings = self.write("gateway.yaml", &self.our_settings())?;
        let data = self.directory.join("data");
        fs::create_dir_all(&data)?;
        let database = format!("sqlite://{}", data.join("accounts.db").display());
        let key = key(binary, &database)?;
        let address = server::free_address()?;
        let mut command = server::own(binary, address);
        command.arg("--config").arg(settings).env("LLM_DATABASE_URL", database);
        self.start(&mut command, address, server::READY, "gateway", &key)
    }

    fn our_settings(&self) -> String {
        format!(
            "models:\n  - id: {MODEL}\n    upstreams:\n      - url: http://{}\nlimits:\n  ip: {{requests_per_second: 1000000, burst: \
             1000000}}\n  organization: {{tokens_per_day: {QUOTA}, requests_per_day: {QUOTA}, tokens_per_month: {QUOTA}, \
             requests_per_month: {QUOTA}}}\n",
            self.upstream
        )
    }

    /// A plain proxy, which knows neither keys nor quotas.
    pub(super) fn nginx(&self) -> Result<Option<Contender>> {
        if !is_installed("nginx", "-v") {
            return Ok(None);
        }
        let address = server::free_address()?;
        let configuration = self.write("nginx.conf", &self.nginx_settings(address))?;
        let mut command = server::ending_with_us(Path::new("nginx"));
        command.arg("-p").arg(&self.directory).arg("-c").arg(configuration);
        self.start(&mut command, address, "/", "nginx", THEIR_KEY).map(Some)
    }

    fn nginx_settings(&self, address: SocketAddr) -> String {
        format!(
            "worker_processes auto;\ndaemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{ worker_connections 1024; }}\nhttp {{\n  \
             access_log access.log;\n  keepalive_requests 100000000;\n  upstream measured {{ server {}; keepalive 256; \
             keepalive_requests 100000000; }}\n  server {{\n    listen {address};\n    location / {{\n      proxy_pass \
             http://measured;\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering \
             off;\n    }}\n  }}\n}}\n",
            self.upstream
        )
    }

    /// With its key, and no database.
    pub(super) fn litellm(&self) -> Result<Option<Contender>> {
        if !is_installed("litellm", "--version") {
            return Ok(None);
        }
        let address = server::free_address()?;
        let parameters = format!("{{model: openai/{MODEL}, api_base: \"http://{}/v1\", api_key: none}}", self.upstream);
        let configuration = format!(
            "model_list:\n  - model_name: {MODEL}\n    litellm_params: {parameters}\ngeneral_settings: {{master_key: {THEIR_KEY}}}\n"
        );
        let configuration = self.write("litellm.yaml", &configuration)?;
        let mut command = server::ending_with_us(Path::new("litellm"));
        let port = address.port().to_string();
        command.args(["--host", "127.0.0.1", "--port", &port, "--telemetry", "False", "--config"]).arg(configuration);
        // What models cost is asked of the internet otherwise.
        command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("LITELLM_LOG", "ERROR");
        self.start(&mut command, address, "/health/liveliness", "litellm", THEIR_KEY).map(Some)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn start(&self, command: &mut Command, address: SocketAddr, ready: &str, name: &str, key: &str) -> Result<Contender> {
        let process = Server::start(command, address, ready, &self.directory.join(name).with_extension("log"))?;
        Ok(Contender { target: Target::new(address.to_string(), key), process })
    }
}

/// A key of an organisation, made as somebody would make it.
fn key(binary: &Path, database: &str) -> Result<String> {
    let mut command = Command::new(binary);
    command.args(["keys", "create", "--org", "measured"]).env("LLM_DATABASE_URL", database);
    let made = command.output().context("cannot make a key")?;
    ensure!(made.status.success(), "cannot make a key: {}", String::from_utf8_lossy(&made.stderr));
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

fn is_installed(program: &str, version: &str) -> bool {
    let known = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    known.is_ok_and(|status| status.success())
}
