"""The built server at LLM_TEST_BINARY, and what operators put around it."""

import contextlib
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from waiting import PATIENCE, free_port, wait_until

SERVER = os.environ["LLM_TEST_BINARY"]
DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
CHAT = "/v1/chat/completions"


class Process:
    """A program that answers HTTP, and whose output is kept."""

    scheme = "http"

    def __init__(self, command, port, ready, output, **options):
        self.port, self.ready, self.output = port, ready, output
        with open(output, "a") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, **options)

    def wait_until_ready(self):
        wait_until(self.is_ready, f"the start of {self.process.args[0]}")

    def is_ready(self):
        return self.answers(self.ready)

    def answers(self, path):
        """What it says with a 200, if that is what it says."""
        assert self.process.poll() is None, self.output.read_text()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get(path)
        return None

    def get(self, path):
        with self.open(urllib.request.Request(self.url(path))) as answer:
            return answer.read().decode()

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def open(self, request):
        # Its certificate is its own.
        return urllib.request.urlopen(request, timeout=PATIENCE, context=ssl._create_unverified_context())

    def chat(self, key="none", **fields):
        """The status and the text of an answer to a chat."""
        body = {"model": "demo", "messages": [{"role": "user", "content": "Show all users"}], "max_tokens": 8} | fields
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        request = urllib.request.Request(self.url(CHAT), json.dumps(body).encode(), headers)
        try:
            with self.open(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def stop(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


class Server(Process):
    def __init__(self, directory, port=None, **settings):
        port = port or free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        ours = {"LLM_INFERENCE_HOSTNAME": "127.0.0.1", "LLM_INFERENCE_PORT": str(port), "LLM_DATABASE_URL": "sqlite::memory:"}
        environment = kept | ours | {"OTEL_SDK_DISABLED": "true"} | settings
        super().__init__([SERVER, "serve"], port, "/health/ready", directory / f"server-{port}.txt", cwd=directory, env=environment)


@pytest.fixture
def started():
    """Keeps what a test starts until it is ready, and ends it whatever becomes of the test."""
    with contextlib.ExitStack() as stack:

        def keep(process):
            stack.callback(process.process.wait)
            stack.callback(process.process.kill)
            process.wait_until_ready()
            return process

        yield keep
