//! The official Python and Node clients against the built server, and the examples of the descriptions that it was made after.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::need::need;
use super::tally::Tally;
use super::{cargo, heading, script};
use crate::server::{self, Server};

/// The clients learn from this where the server is.
const BASE_URL: &str = "LLM_TEST_BASE_URL";

/// Builds the server, starts it on a free port, runs both clients' tests, and stops it again.
pub(super) fn run(root: &Path, tally: &mut Tally) {
    heading("the server");
    // In the profile and with the features of the tests: its dependencies are built already, and optimised.
    let build = ["build", "--workspace", "--bin", "llm-inference-api"];
    if !script::stream(&mut cargo(root, &build), |_| ()).unwrap_or(false) {
        println!("the server does not build");
        return tally.failed(1);
    }
    let mut server = match start(root) {
        Ok(server) => server,
        Err(error) => {
            println!("{error:#}");
            return tally.failed(1);
        }
    };
    match prepare_python(root) {
        Ok(python) => {
            let tests = |directory| python_tests(root, &python, directory, &server.base_url());
            tally.tests("the official Python client", tests("sdk/python"));
            tally.tests("the examples", tests("seeds"));
            through_a_gateway(root, &python, &server, tally);
        }
        Err(error) => tally.leave_out(format!("the official Python client, the examples: {error:#}")),
    }
    match prepare_node(root) {
        Ok(()) => {
            let tests = |directory| node_tests(root, directory, &server.base_url());
            tally.tests("the official Node client", tests("tests/sdk/node"));
            tally.tests("the examples for Node", tests("tests/seeds"));
        }
        Err(error) => tally.leave_out(format!("the official Node client, the examples for Node: {error:#}")),
    }
    heading("the server ends when asked to");
    match server.stop() {
        Ok(()) => tally.passed(1),
        Err(error) => {
            println!("{error:#}");
            tally.failed(1);
        }
    }
}

/// The server with the embedded model, on a free port.
fn start(root: &Path) -> Result<Server> {
    let directory = root.join("target/clients");
    fs::create_dir_all(&directory)?;
    let address = server::free_address()?;
    let mut command = server::own(&server::binary(root), address);
    let server = Server::start(command.current_dir(&directory), address, server::READY, &directory.join("server.log"))?;
    println!("ready on {}", server.base_url());
    Ok(server)
}

/// The Python client once more, which must not notice that the model runs on the other server.
fn through_a_gateway(root: &Path, python: &Path, behind: &Server, tally: &mut Tally) {
    let mut gateway = match start_gateway(root, &behind.base_url()) {
        Ok(gateway) => gateway,
        Err(error) => {
            println!("{error:#}");
            return tally.failed(1);
        }
    };
    let tests = python_tests(root, python, "sdk/python", &gateway.base_url());
    tally.tests("the official Python client, through a gateway", tests);
    if let Err(error) = gateway.stop() {
        println!("{error:#}");
        tally.failed(1);
    }
}

fn start_gateway(root: &Path, behind: &str) -> Result<Server> {
    let directory = root.join("target/clients/gateway");
    fs::create_dir_all(&directory)?;
    fs::write(
        directory.join("serving_config.yaml"),
        format!("models: [{{id: demo, upstreams: [{{url: \"{behind}\"}}]}}]\n"),
    )?;
    let address = server::free_address()?;
    let mut command = server::own(&server::binary(root), address);
    Server::start(command.current_dir(&directory), address, server::READY, &directory.join("server.log"))
}

fn python_tests(root: &Path, python: &Path, directory: &str, base_url: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "--confcutdir=.", directory]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env(BASE_URL, base_url).current_dir(root.join("tests"));
    command
}

fn node_tests(root: &Path, directory: &str, base_url: &str) -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).env(BASE_URL, base_url).current_dir(root.join(directory));
    command
}

/// A virtual environment under `target/` with the pinned packages; made anew when the pins change.
pub(super) fn prepare_python(root: &Path) -> Result<PathBuf> {
    heading("Python packages");
    let mut has_venv = Command::new("python3");
    need(has_venv.args(["-c", "import venv, ensurepip"]), "python3 with its venv module", &["python3", "python3-venv"])?;
    let requirements = root.join("tests/sdk/python/requirements.txt");
    let environment = root.join("target/clients/python");
    let python = environment.join("bin/python");
    let (pins, stamp) = (fs::read_to_string(&requirements)?, environment.join("installed.txt"));
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(python);
    }
    script::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    script::run(Command::new(&python).args(install).arg(&requirements))?;
    fs::write(&stamp, pins).context("cannot note what was installed")?;
    Ok(python)
}

/// The packages of `package-lock.json`, beside it, where Node looks for them.
fn prepare_node(root: &Path) -> Result<()> {
    heading("Node packages");
    need(Command::new("node").arg("--version"), "node", &["nodejs", "npm"])?;
    need(Command::new("npm").arg("--version"), "npm", &["nodejs", "npm"])?;
    let directory = root.join("tests/sdk/node");
    let (pins, stamp) =
        (fs::read_to_string(directory.join("package-lock.json"))?, directory.join("node_modules/.installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    let mut install = Command::new("npm");
    script::run(install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&directory))?;
    fs::write(&stamp, pins).context("cannot note what was installed")
}
