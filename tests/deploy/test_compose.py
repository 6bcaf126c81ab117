"""What compose.yaml names is there, and is the same tomorrow."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from conftest import DEPLOY

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
# start-all.sh makes them.
MADE = {"./certificates"}
NAME = "llm-inference-api"


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_by_its_version_or_built_here(name):
    service = SERVICES[name]
    assert "build" in service or re.fullmatch(r"[\w./-]+:(\$\{\w+:-)?v?\d+\.?[\w.-]*\}?", service["image"]), service["image"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name):
    sources = [volume.split(":")[0] for volume in SERVICES[name].get("volumes", [])]
    ours = [source for source in sources if source.startswith("./") and source not in MADE]
    assert all((DEPLOY / source).exists() for source in ours), ours
    assert {source for source in sources if not source.startswith("./")} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("profile", ["gateway", "cpu"])
def test_each_profile_has_one_server_by_the_name_that_nginx_and_prometheus_know(profile):
    started = [service for service in SERVICES.values() if profile in service.get("profiles", [profile])]
    [server] = [service for service in started if service["image"] == NAME]
    assert all(NAME in network["aliases"] for network in server["networks"].values())
    assert f"server {NAME}:8091" in (DEPLOY / "nginx/nginx.conf").read_text()
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert {"targets": [f"{NAME}:8091"]} in scraped[0]["static_configs"]


@pytest.mark.parametrize("script", ["start-all.sh", "stop-all.sh"])
def test_without_docker_nothing_is_begun(script, tmp_path):
    for file in DEPLOY.glob("*.sh"):
        shutil.copy(file, tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in ("bash", "dirname", "env"):
        (programs / program).symlink_to(shutil.which(program))
    done = subprocess.run([tmp_path / script], env={"PATH": str(programs)}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "docker is not installed here")
    assert not (tmp_path / ".env").exists()


def test_what_runs_is_stopped_without_its_keys(tmp_path):
    for script in ("needs.sh", "stop-all.sh"):
        shutil.copy(DEPLOY / script, tmp_path)
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$2" = version ] || { echo "$@"; env; }\n')
    docker.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "stop-all.sh", "--volumes"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    command, *environment = done.stdout.splitlines()
    assert command == "compose down --volumes"
    given = {name for name, _, value in (line.partition("=") for line in environment) if value}
    # Those that compose.yaml cannot do without.
    assert set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text())) <= given
