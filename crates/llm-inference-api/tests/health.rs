//! The command that an image's health check is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "nothing is asked of it directly")]
mod process;

use std::process::{Command, Output};

use process::Server;

fn health(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-inference-api"));
    command.arg("health").args(arguments.split_whitespace()).env_clear().output().unwrap()
}

#[test]
fn a_server_is_well_when_its_models_answer() {
    let directory = tempfile::tempdir().unwrap();
    // Nobody listens behind the second.
    let models = "models:\n  - {id: demo, source: embedded}\n  - {id: far, upstreams: [{url: 'http://127.0.0.1:9'}]}\n";
    let server = Server::start(directory.path(), models);
    let port = server.port;
    let (live, mut ready) = (health(&format!("--live --port {port}")), health(&format!("--port {port}")));
    assert!(live.status.success(), "{live:?}");
    // The model loads beside the server.
    while !ready.status.success() {
        assert!(String::from_utf8_lossy(&ready.stderr).contains("is not ready (503"), "{ready:?}");
        ready = health(&format!("--port {port} --host localhost"));
    }
    assert!(String::from_utf8_lossy(&ready.stdout).contains("\"demo\""), "{ready:?}");
    drop(server);
    let gone = health(&format!("--live --port {port}"));
    let told = String::from_utf8_lossy(&gone.stderr);
    assert_eq!(gone.status.code(), Some(1));
    assert!(told.contains(&format!("error: no server answers at http://127.0.0.1:{port}; --port")), "{told}");
}
