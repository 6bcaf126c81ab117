//! The files that operators start everything with, as far as that goes without a container engine.

use std::path::Path;
use std::process::Command;

use super::need::need;
use super::tally::Tally;
use crate::server;

/// Without which compose.yaml starts nothing.
const SECRETS: [&str; 3] = ["API_KEY", "BACKEND_API_KEY", "POSTGRES_PASSWORD"];

pub(super) fn run(root: &Path, tally: &mut Tally) {
    let deploy = root.join("deploy");
    let mut settings = Command::new(server::binary(root));
    settings.args(["check-config", "--config", "gateway/serving_config.yaml"]).envs(SECRETS.map(|name| (name, "a")));
    tally.check("deploy: the gateway's settings", within(&deploy, settings));

    match need(Command::new("docker-compose").arg("version"), "docker-compose", &["docker-compose"]) {
        Ok(()) => {
            let mut config = Command::new("docker-compose");
            config.args(["config", "--quiet"]).envs(SECRETS.map(|name| (name, "a")));
            tally.check("deploy: compose.yaml", within(&deploy, config));
        }
        Err(error) => tally.leave_out(format!("deploy/compose.yaml: {error:#}")),
    }

    match need(Command::new("shellcheck").arg("--version"), "shellcheck", &["shellcheck"]) {
        Ok(()) => {
            let mut scripts = Command::new("shellcheck");
            scripts.args(["start-all.sh", "stop-all.sh"]);
            tally.check("deploy: the scripts", within(&deploy, scripts));
        }
        Err(error) => tally.leave_out(format!("deploy/*.sh: {error:#}")),
    }
    check_rules(&deploy.join("prometheus"), tally);
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

fn within(directory: &Path, mut command: Command) -> Command {
    command.current_dir(directory);
    command
}
