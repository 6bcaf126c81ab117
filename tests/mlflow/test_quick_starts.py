"""docs/QUICKSTART.md, section by section, as somebody would paste it into a shell."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from conftest import KEPT, MODELS, PATIENCE, SERVER, free_port

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs/QUICKSTART.md").read_text()
SECTIONS = {section[0]: section for section in PAGE.split("\n## ")[1:]}
# What of an answer says that it is one.
EXPECTED = {
    "A": ['"id":"support-ft-v1"', '"finish_reason":', "data: [DONE]"],
    "B": ['"tokens_generated":', "data: [DONE]", "api_requests_total", "SELECT"],
    "C": ['"model":"Qwen/Qwen2.5-7B-Instruct"', '"valid":true', '"status":"healthy"', "acme"],
    "D": ['"coder":', "solver", "dense_network/mine is trained", "ACCURACY", "writer"],
    "E": ['"name":"custom-llm"', '"generated_text":', '"results":'],
}


def blocks(section, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path):
    """What one has at the root of the repository."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/llm-inference-api").symlink_to(pathlib.Path(SERVER).resolve())
    (tmp_path / "models").symlink_to(ROOT / "models")
    return tmp_path


@pytest.fixture(scope="session")
def custom_llm(registry):
    """The model that the page asks MLflow for, in production."""
    files = {file.name: file for file in (MODELS / "hf/llama").iterdir()}
    registry.call("POST", "registered-models/create", name="custom-llm")
    version, _ = registry.register("custom-llm", files)
    registry.promote("custom-llm", version)
    return registry


@pytest.mark.parametrize("name", SECTIONS)
def test_every_command_of_a_quick_start_succeeds(name, place, custom_llm):
    section = SECTIONS[name]
    for usual in ("8091", "8000"):
        section = re.sub(rf"\b{usual}\b", str(free_port()), section)
    section = section.replace("http://localhost:5000", custom_llm.url)
    for file in blocks(section, "yaml"):
        (place / re.match(r"# (\S+)\n", file)[1]).write_text(file)
    port = re.search(r"http://localhost:(\d+)/(?:info|v1/chat|api|infer)", section)[1]
    environment = KEPT | {"PATH": f"{place}/bin:{os.environ['PATH']}", "HOME": str(place), "LLM_INFERENCE_PORT": port}
    script = "".join(blocks(section, "sh"))
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert process.returncode == 0, said
    assert not [expected for expected in EXPECTED[name] if expected not in said], said
