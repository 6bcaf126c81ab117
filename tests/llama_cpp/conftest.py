"""The built server at LLM_TEST_BINARY as a gateway with keys and quotas, before llama.cpp's own server with the demo model."""

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from waiting import PATIENCE, free_port, wait_until

SERVER = os.environ["LLM_TEST_BINARY"]
HERE = pathlib.Path(__file__).parent
MODEL = HERE.parents[1] / "models/demo/demo.gguf"
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
# What clients show to the gateway, and what the gateway alone shows to llama.cpp.
KEY, UPSTREAM_KEY = "a-key-of-acme", "a-key-of-the-gateway"
# Of tokens: more than llama.cpp makes in `PATIENCE`.
ENDLESS = 10_000_000
KEPT = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


class Answer:
    def __init__(self, response):
        with response:
            self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    def json(self):
        return json.loads(self.text)


class Server:
    """A process on a port of its own, whose output is kept."""

    def __init__(self, port, key, ready, log, command, **options):
        self.url, self.key = f"http://127.0.0.1:{port}", key
        with open(log, "w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)

        def is_ready():
            assert self.process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                return self.get(ready).status == 200

        wait_until(is_ready, "a server's start")

    def open(self, path, body=None):
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        body = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=PATIENCE)

    def get(self, path, body=None):
        try:
            return Answer(self.open(path, body))
        except urllib.error.HTTPError as refusal:
            return Answer(refusal)

    def ask(self, path, prompt, model="ours", **fields):
        asked = {"messages": [{"role": "user", "content": prompt}]} if path == CHAT else {"prompt": prompt}
        return self.get(path, {"model": model, "temperature": 0, "max_tokens": 64} | asked | fields)


class Llama(Server):
    def __init__(self, directory):
        port = free_port()
        command = [sys.executable, HERE / "llama_server.py", MODEL, str(port), UPSTREAM_KEY]
        super().__init__(port, UPSTREAM_KEY, "/health", directory / f"llama-{port}.txt", command, env=KEPT)

    def busy(self):
        """How many requests it is at."""
        return sum(slot["is_processing"] for slot in self.get("/slots").json())


class Gateway(Server):
    """Has `ours`, which llama.cpp runs, and `demo`, the same model on the engine of this program."""

    def __init__(self, directory, *llamas, upstream_key=UPSTREAM_KEY):
        port = free_port()
        # In turn, so that tests know who is asked.
        upstreams = {"upstreams": [{"url": llama.url, "api_key": upstream_key} for llama in llamas], "balance": "round_robin"}
        models = [{"id": "ours", "max_tokens": ENDLESS} | upstreams, {"id": "demo", "source": "embedded"}]
        keys = [{"name": "test", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}]
        organizations = [{"id": "acme", "limits": {"tokens_per_day": 10 * ENDLESS}, "keys": keys}]
        settings = {"api": {"host": "127.0.0.1", "port": port}, "models": models, "organizations": organizations}
        (directory / "serving_config.yaml").write_text(json.dumps(settings))
        self.place = {"cwd": directory, "env": KEPT | {"LLM_DATA_DIR": str(directory / "data"), "OTEL_SDK_DISABLED": "true"}}
        super().__init__(port, KEY, "/health/ready", directory / "gateway.txt", [SERVER, "serve"], **self.place)

    def used(self):
        """What the ledger has against the organisation: requests, tokens read, tokens made."""
        command = [SERVER, "usage", "--json", "--by", "org"]
        rows = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, **self.place).stdout)
        return [tuple(row[what] for what in ("requests", "prompt_tokens", "completion_tokens")) for row in rows]

    def endless(self):
        """A stream that ends only because it is left."""
        return self.open(COMPLETIONS, {"model": "ours", "prompt": "Show", "max_tokens": ENDLESS, "ignore_eos": True, "stream": True})


class Reader(threading.Thread):
    """Takes what comes of a stream until it ends, or is left."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.taken, self.last, self.is_left = stream, 0, "", False
        self.start()

    def run(self):
        with self.stream:
            for line in filter(bytes.strip, self.stream):
                if self.is_left:
                    return
                self.taken, self.last = self.taken + 1, line.decode()

    def leave(self):
        self.is_left = True
        self.join(PATIENCE)


@pytest.fixture
def started():
    """Keeps what a test starts, and ends it whatever becomes of the test."""
    with contextlib.ExitStack() as stack:

        def keep(server):
            stack.callback(server.process.kill)
            return server

        yield keep


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    llama = Llama(tmp_path_factory.mktemp("llama"))
    yield llama
    llama.process.kill()


@pytest.fixture
def gateway(tmp_path, llama, started):
    return started(Gateway(tmp_path, llama))
