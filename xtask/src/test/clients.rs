//! The built server: asked by the official Python and Node clients, asked the examples of the descriptions that it was made after, and
//! held against its documentation.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::node::Node;
use super::tally::Tally;
use super::{cargo, documentation, heading, pages, python, script};
use crate::server::{self, Server};

/// The clients learn from this where the server is.
pub(super) const BASE_URL: &str = "LLM_TEST_BASE_URL";

/// The suite whose packages the Python client, the examples and the collector are in.
pub(super) const PYTHON: &str = "sdk/python";

/// Builds the server, starts it on a free port, runs the tests of both clients and of the documentation, and stops it again.
pub(super) fn run(root: &Path, tally: &mut Tally) {
    heading("the server");
    // With the tests, which are there already: without them its dependencies would have fewer features, and be built once more.
    let build = ["build", "--workspace", "--bin", "llm-inference-api", "--tests"];
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
    match python::prepare(root, PYTHON) {
        Ok(python) => {
            let tests = |directory| python_tests(root, &python, directory, &server.base_url());
            tally.tests("the official Python client", tests("sdk/python"));
            tally.tests("the examples", tests("seeds"));
            through_a_gateway(root, &python, &server, tally);
        }
        Err(error) => tally.leave_out(format!("the official Python client, the examples: {error:#}")),
    }
    match Node::of_the_machine().and_then(|node| node.prepare(&root.join("tests/sdk/node"))) {
        Ok(()) => {
            let tests = |directory| node_tests(root, directory, &server.base_url());
            tally.tests("the official Node client", tests("tests/sdk/node"));
            tally.tests("the examples for Node", tests("tests/seeds"));
        }
        Err(error) => tally.leave_out(format!("the official Node client, the examples for Node: {error:#}")),
    }
    pages::run(root, &server.base_url(), tally);
    documentation::run(root, &server.base_url(), tally);
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
    command.env("LLM_SCORER_PATH", root.join("models/scorers"));
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
    let mut command = python::pytest(root, python, ".");
    command.args(["--confcutdir=.", directory]).env(BASE_URL, base_url);
    command
}

fn node_tests(root: &Path, directory: &str, base_url: &str) -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).env(BASE_URL, base_url).current_dir(root.join(directory));
    command
}
