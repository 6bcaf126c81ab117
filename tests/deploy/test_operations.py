"""docs/OPERATIONS.md tells nothing that does not work."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import PATIENCE, SERVER, Server

PAGE = pathlib.Path(__file__).parents[2] / "docs/OPERATIONS.md"
USUAL = "http://localhost:8091"


def commands():
    """All of the page's blocks of `sh`, which are one script."""
    return "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "llm-inference-api").symlink_to(pathlib.Path(SERVER).resolve())
    (tmp_path / "data").mkdir()
    return tmp_path


def test_every_command_succeeds(started, place):
    accounts = {"LLM_DATA_DIR": str(place / "data"), "LLM_DATABASE_URL": ""}
    server = started(Server(place, **accounts))
    script = commands().replace(USUAL, f"http://127.0.0.1:{server.port}")
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "HOME": str(place)} | accounts
    done = subprocess.run(["bash", "-euxo", "pipefail", "-c", script], cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"finish_reason":"stop"' in done.stdout and "acme" in done.stdout and "vllm:num_requests_running" in done.stdout


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE.read_text())
    assert links and not [link for link in links if not (PAGE.parent / link).exists()]


def test_every_alert_is_explained():
    rules = (PAGE.parents[1] / "deploy/prometheus/rules/alerts.yml").read_text()
    assert set(re.findall(r"alert: (\w+)", rules)) == set(re.findall(r"`(Llm\w+)`", PAGE.read_text()))
