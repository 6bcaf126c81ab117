"""A real MLflow server with three versions of a model, and the built server at LLM_TEST_BINARY."""

import base64
import contextlib
import json
import os
import pathlib
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

import waiting
from waiting import free_port

SERVER = os.environ["LLM_TEST_BINARY"]
MODELS = pathlib.Path(__file__).parents[2] / "crates/testkit/fixtures/models"
PATIENCE = 120
KEPT = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}


def wait_until(condition, what):
    """MLflow takes its time."""
    return waiting.wait_until(condition, what, PATIENCE)


def get(url):
    """A URL or a request; the bytes of the answer."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read()


class Registry:
    """`mlflow server` with SQLite and artifacts that it hands out itself, spoken to by its REST API alone."""

    def __init__(self, directory, password=None):
        """With a password, only the user `admin` who knows it is let in."""
        self.headers = {}
        if password:
            self.headers["authorization"] = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        self.port, self.output = free_port(), directory / "mlflow.txt"
        self.url = f"http://127.0.0.1:{self.port}"
        # Jobs that we have none of take half a gigabyte.
        environment = KEPT | {"HOME": str(directory), "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        users = []
        if password:
            users = ["--app-name", "basic-auth"]
            environment |= {"MLFLOW_AUTH_ADMIN_PASSWORD": password, "MLFLOW_FLASK_SERVER_SECRET_KEY": password}
        places = ["--backend-store-uri", f"sqlite:///{directory}/mlflow.db", "--artifacts-destination", str(directory / "artifacts")]
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", *users, *places]
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT)
        wait_until(self.is_there, "MLflow's start")

    def is_there(self):
        assert self.process.poll() is None, self.output.read_text()
        with contextlib.suppress(OSError):
            return get(f"{self.url}/health") == b"OK"
        return False

    def call(self, method, path, **fields):
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}", json.dumps(fields).encode(), {"content-type": "application/json"} | self.headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{path}: {refusal.code} {refusal.read().decode()}") from refusal

    def promote(self, name, version):
        self.call("POST", "model-versions/transition-stage", name=name, version=version, stage="Production", archive_existing_versions=True)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def put(self, place, name, file):
        # mlflow-artifacts:/0/models/m-…/artifacts
        path = urllib.parse.quote(f"{place.partition(':/')[2]}/{name}")
        request = urllib.request.Request(f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{path}", file.read_bytes(), self.headers, method="PUT")
        get(request)

    def register(self, name, files, **fields):
        """A new version of a registered model; its number, and the id under which it was logged."""
        info = self.call("POST", "logged-models", experiment_id="0", name=name)["model"]["info"]
        for path, file in files.items():
            self.put(info["artifact_uri"], path, file)
        model_id = info["model_id"]
        self.call("PATCH", f"logged-models/{model_id}", model_id=model_id, status="LOGGED_MODEL_READY")
        version = self.call("POST", "model-versions/create", name=name, source=f"models:/{model_id}", model_id=model_id, **fields)
        return version["model_version"]["version"], model_id


class Gate(socketserver.ThreadingTCPServer):
    """Stands before the registry, and can be shut."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, port):
        self.target, self.open = ("127.0.0.1", port), True
        super().__init__(("127.0.0.1", 0), None)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def finish_request(self, request, _):
        if not self.open:
            return
        with socket.create_connection(self.target) as upstream:
            back = threading.Thread(target=self.pump, args=(upstream, request), daemon=True)
            back.start()
            self.pump(request, upstream)
            back.join()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class Server:
    def __init__(self, directory, **settings):
        self.port, self.log = free_port(), directory / "server.txt"
        ours = {"LLM_DATA_DIR": str(directory / "data"), "LLM_INFERENCE_HOSTNAME": "127.0.0.1", "LLM_INFERENCE_PORT": str(self.port)}
        ours |= {"HOME": str(directory), "OTEL_SDK_DISABLED": "true", "LOG_FORMAT": "json"}
        with open(self.log, "w") as output:
            environment = KEPT | ours | settings
            self.process = subprocess.Popen([SERVER, "serve"], cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def is_ready(self):
        return self.status("/health/ready") == 200

    def status(self, path):
        assert self.process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except OSError:
            return None

    def get(self, path):
        return json.loads(get(f"http://127.0.0.1:{self.port}{path}"))

    def post(self, path, body):
        """The bytes of the answer."""
        url, headers = f"http://127.0.0.1:{self.port}{path}", {"content-type": "application/json"}
        return get(urllib.request.Request(url, json.dumps(body).encode(), headers))

    def completes(self, model):
        """The status of an answer that is none."""
        try:
            self.complete(model)
        except urllib.error.HTTPError as refusal:
            return refusal.code
        return 200

    def complete(self, model):
        """What a model goes on with, which says which model it is: the weights are random."""
        body = {"model": model, "prompt": "Show all users", "max_tokens": 24, "temperature": 0, "ignore_eos": True}
        return json.loads(self.post("/v1/completions", body))["choices"][0]["text"]

    def answer(self, model, question):
        """What a trained model answers."""
        body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
        return json.loads(self.post("/v1/chat/completions", body))["choices"][0]["message"]["content"]

    def stream(self, model):
        """The same, as it is made."""
        body = {"model": model, "prompt": "Show all users", "max_tokens": 24, "temperature": 0, "ignore_eos": True, "stream": True}
        lines = self.post("/v1/completions", body).decode().split("\n\n")
        events = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        assert events.pop() == "[DONE]"
        return "".join(json.loads(event)["choices"][0]["text"] for event in events)

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


def files(directory, **places):
    """Those of a model, under the directories of the artifacts that each kind goes to; the others go to `others`."""
    names = [file for file in directory.iterdir() if file.name != "expected.json"]
    place = lambda name: places["tokenizer"] if name.startswith("tokenizer") else places["others"]
    return {f"{place(file.name)}{file.name}": file for file in names}


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """Version 1 is laid out as mlflow.transformers does it and in production, 2 is a directory that was logged as it is, 3 a GGUF file."""
    directory = tmp_path_factory.mktemp("mlflow")
    registry = Registry(directory)
    try:
        registry.call("POST", "registered-models/create", name="sql")
        transformers = files(MODELS / "hf/llama", tokenizer="components/tokenizer/", others="model/")
        as_it_is = files(MODELS / "hf/qwen2", tokenizer="", others="")
        gguf = {"artifacts/sql.gguf": next((MODELS / "gguf/qwen3-q8_0").glob("*.gguf"))}
        registry.logged = [registry.register("sql", files)[1] for files in (transformers, as_it_is, gguf)]
        registry.call("POST", "model-versions/transition-stage", name="sql", version="1", stage="Production", archive_existing_versions=False)
        registry.call("POST", "registered-models/alias", name="sql", alias="champion", version="2")
        # An adapter of version 1, as mlflow.transformers logs what PEFT has trained.
        registry.call("POST", "registered-models/create", name="sql-tuned")
        registry.register("sql-tuned", files(MODELS / "adapters/llama", tokenizer="", others="peft/"))
        yield registry
    finally:
        registry.stop()


@pytest.fixture
def gate(registry):
    gate = Gate(registry.port)
    yield gate
    gate.shutdown()
    gate.server_close()


@pytest.fixture
def started():
    """Keeps what a test starts, and ends it whatever becomes of the test."""
    with contextlib.ExitStack() as stack:

        def keep(server):
            stack.callback(server.process.kill)
            return server

        yield keep
