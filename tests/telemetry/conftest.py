"""The built server at LLM_TEST_BINARY, and Rotel, an OpenTelemetry collector that prints what it gets."""

import contextlib
import importlib.util
import json
import os
import pathlib
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from waiting import PATIENCE, free_port, wait_until

SERVER = os.environ["LLM_TEST_BINARY"]
COLLECTOR = pathlib.Path(importlib.util.find_spec("rotel").origin).with_name("rotel-agent")
CHAT = "/v1/chat/completions"


class Process:
    """A program whose output is kept."""

    def __init__(self, command, output, **options):
        self.output = output
        with open(output, "a") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, **options)

    def text(self):
        return self.output.read_text()

    def stop(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


class Collector(Process):
    def __init__(self, directory, grpc, http):
        endpoints = ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}"]
        printed = ["--debug-log", "traces", "--debug-log", "metrics", "--debug-log-verbosity", "detailed"]
        files = ["--pid-file", f"{directory}/pid", "--log-file", f"{directory}/log"]
        command = [COLLECTOR, "start", "--exporter", "blackhole", *endpoints, *printed, *files]
        super().__init__(command, directory / "collector.txt", env=os.environ | {"NO_COLOR": "1"})
        wait_until(lambda: listens(grpc) and listens(http), "the collector's start")

    def spans(self):
        """Each as a dictionary, with its attributes under their own names."""
        return [read_span(text) for text in re.split(r"^Span #\d+\n", self.text(), flags=re.MULTILINE)[1:]]

    def metrics(self):
        """The text about each metric by its name."""
        parts = re.split(r"^Metric #\d+\n", self.text(), flags=re.MULTILINE)[1:]
        return {re.search(r"-> Name: (\S+)", part)[1]: part for part in parts}


def read_span(text):
    text = re.split(r"^(?:Span|ResourceSpans|ResourceMetrics|ScopeSpans) #", text, flags=re.MULTILINE)[0]
    span = {name.strip(): value for name, value in re.findall(r"^ +(Trace ID|Parent ID|ID|Name|Kind|Status code) +: ?(.*)$", text, re.MULTILINE)}
    span |= {name: value for name, value in re.findall(r"^ +-> ([\w.-]+): \w+\((.*)\)$", text, re.MULTILINE)}
    span["events"] = re.findall(r"^ +-> Name: (.*)$", text, re.MULTILINE)
    return span


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Server(Process):
    def __init__(self, directory, **settings):
        self.port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        settings = {"LLM_INFERENCE_HOSTNAME": "127.0.0.1", "LLM_INFERENCE_PORT": str(self.port), "LOG_FORMAT": "json"} | settings
        super().__init__([SERVER, "serve"], directory / "server.txt", cwd=directory, env=kept | settings)
        wait_until(self.is_ready, "the server's start")

    def is_ready(self):
        assert self.process.poll() is None, self.text()
        with contextlib.suppress(OSError):
            return self.get("/health/ready")
        return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def post(self, path, body, **headers):
        headers = {"content-type": "application/json"} | headers
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.headers, answer.read().decode()

    def chat(self, content="Get top 10 customers by revenue", headers=(), **fields):
        model = json.loads(self.get("/v1/models"))["data"][0]["id"]
        body = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": 16}
        return self.post(CHAT, body | fields, **dict(headers))

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def warnings(self):
        return [line for line in self.lines() if line["level"] in ("WARN", "ERROR")]


@pytest.fixture
def started():
    """Keeps what a test starts, and ends it whatever becomes of the test."""
    with contextlib.ExitStack() as stack:

        def keep(process):
            stack.callback(process.process.kill)
            return process

        yield keep
