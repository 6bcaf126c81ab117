"""The pages below docs/ tell nothing that does not work."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import PATIENCE, SERVER, Server

DOCS = pathlib.Path(__file__).parents[2] / "docs"
OPERATIONS = DOCS / "OPERATIONS.md"
USUAL = "http://localhost:8091"


def commands(page):
    """All of a page's blocks of `sh`, which are one script."""
    return "".join(re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "llm-inference-api").symlink_to(pathlib.Path(SERVER).resolve())
    (tmp_path / "data").mkdir()
    return tmp_path


def run(script, place, **settings):
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "HOME": str(place)} | settings
    done = subprocess.run(["bash", "-euxo", "pipefail", "-c", script], cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_for_operators_succeeds(started, place):
    accounts = {"LLM_DATA_DIR": str(place / "data"), "LLM_DATABASE_URL": ""}
    server = started(Server(place, **accounts))
    said = run(commands(OPERATIONS).replace(USUAL, f"http://127.0.0.1:{server.port}"), place, **accounts)
    assert '"finish_reason":"stop"' in said and "acme" in said and "vllm:num_requests_running" in said


def test_every_command_about_security_succeeds(place):
    said = run(commands(DOCS / "SECURITY.md"), place)
    assert "LLM_ACCOUNTS_REQUIRED" in said and "2100-01-01" in said


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", page.read_text())
    assert not [link for link, _ in links if link and not (page.parent / link).exists()]
    for link, anchor in links:
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (page.parent / link if link else page).read_text(), re.MULTILINE)
            assert anchor[1:] in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings], anchor


def test_every_alert_is_explained():
    rules = (DOCS.parent / "deploy/prometheus/rules/alerts.yml").read_text()
    assert set(re.findall(r"alert: (\w+)", rules)) == set(re.findall(r"`(Llm\w+)`", OPERATIONS.read_text()))
