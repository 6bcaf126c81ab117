//! The files that operators start everything with, as far as that goes without a container engine: each program's own check of its
//! settings, then the built server behind them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::need::need;
use super::python;
use super::tally::Tally;
use crate::server;

/// Without which compose.yaml starts nothing.
const SECRETS: [&str; 4] = ["API_KEY", "BACKEND_API_KEY", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD"];

/// Of compose.yaml, each with the settings of its server in a directory of its name.
const PROFILES: [&str; 2] = ["gateway", "cpu"];

const PYTHON: &str = "deploy";

/// What those tests start and what the commands of the pages below docs are, each with its Debian package.
const PROGRAMS: [(&str, &str); 5] = [
    ("prometheus --version", "prometheus"),
    // Debian keeps it where only an administrator's shell looks.
    ("PATH=$PATH:/usr/sbin nginx -v", "nginx"),
    ("openssl version", "openssl"),
    ("curl --version", "curl"),
    ("sqlite3 --version", "sqlite3"),
];

pub(super) fn run(root: &Path, tally: &mut Tally) {
    let deploy = root.join("deploy");
    for profile in PROFILES {
        let mut settings = Command::new(server::binary(root));
        let file = format!("{profile}/serving_config.yaml");
        settings.args(["check-config", "--config", &file]).envs(SECRETS.map(|name| (name, "a")));
        tally.check(&format!("deploy: the settings of {profile}"), within(&deploy, settings));
    }
    check_compose(&deploy, tally);

    match need(Command::new("shellcheck").arg("--version"), "shellcheck", &["shellcheck"]) {
        Ok(()) => {
            let mut scripts = Command::new("shellcheck");
            scripts.args(["needs.sh", "start-all.sh", "stop-all.sh"]);
            tally.check("deploy: the scripts", within(&deploy, scripts));
        }
        Err(error) => tally.leave_out(format!("deploy/*.sh: {error:#}")),
    }
    check_rules(&deploy.join("prometheus"), tally);
    run_tests(root, tally);
}

fn check_compose(deploy: &Path, tally: &mut Tally) {
    if let Err(error) = need(Command::new("docker-compose").arg("version"), "docker-compose", &["docker-compose"]) {
        return tally.leave_out(format!("deploy/compose.yaml: {error:#}"));
    }
    for profile in PROFILES {
        let mut config = Command::new("docker-compose");
        config.args(["--profile", profile, "config", "--quiet"]).envs(SECRETS.map(|name| (name, "a")));
        tally.check(&format!("deploy: compose.yaml, profile {profile}"), within(deploy, config));
    }
}

/// What Prometheus scrapes, what it warns of, and the tests of that.
fn check_rules(directory: &Path, tally: &mut Tally) {
    if let Err(error) = need(Command::new("promtool").arg("--version"), "promtool", &["prometheus"]) {
        return tally.leave_out(format!("deploy/prometheus: {error:#}"));
    }
    let promtool = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("promtool {line}")]);
        within(directory, shell)
    };
    tally.check("deploy: what Prometheus scrapes", promtool("check config prometheus.yml"));
    tally.check("deploy: the alerts", promtool("test rules tests/*.yml"));
}

/// The server as Prometheus, a dashboard, nginx, a cluster and an operator see it.
fn run_tests(root: &Path, tally: &mut Tally) {
    python::suite(root, tally, "what surrounds the server", PYTHON, prepare_tests(root), |_| ());
}

fn prepare_tests(root: &Path) -> Result<PathBuf> {
    for (probe, package) in PROGRAMS {
        need(Command::new("sh").args(["-c", probe]), package, &[package])?;
    }
    python::prepare(root, PYTHON)
}

fn within(directory: &Path, mut command: Command) -> Command {
    command.current_dir(directory);
    command
}
