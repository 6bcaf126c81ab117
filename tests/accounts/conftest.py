"""The built server at LLM_TEST_BINARY with keys and quotas, on SQLite, and on PostgreSQL if LLM_TEST_POSTGRES_URL names one."""

import contextlib
import http.client
import json
import os
import socket
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest

from waiting import PATIENCE, free_port, wait_until

SERVER = os.environ["LLM_TEST_BINARY"]
POSTGRES = os.environ.get("LLM_TEST_POSTGRES_URL")
CHAT = "/v1/chat/completions"
# It is used up whole: the tokens of the question, and as many as were asked for.
QUESTION = [{"role": "user", "content": "Show all users"}]


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    def json(self):
        return json.loads(self.text)

    def left(self, what="tokens"):
        return int(self.headers[f"x-ratelimit-remaining-{what}"])


class Place:
    """A database of one's own, and everything that looks into it."""

    def __init__(self, directory, settings):
        self.directory = directory
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        ours = {"LLM_DATA_DIR": str(directory / "data"), "OTEL_SDK_DISABLED": "true", "LLM_LIMIT_IP_REQUESTS_PER_SECOND": "none"}
        self.settings = kept | ours | settings

    def run(self, *command):
        done = subprocess.run([SERVER, *command], cwd=self.directory, env=self.settings, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refuses(self, *command, **settings):
        """What it says of it."""
        environment = self.settings | settings
        done = subprocess.run([SERVER, *command], cwd=self.directory, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def refuses_to_start(self, **settings):
        return self.refuses("serve", **({"LLM_INFERENCE_HOSTNAME": "127.0.0.1", "LLM_INFERENCE_PORT": str(free_port())} | settings))

    def key(self, organization="acme", *more):
        return self.run("keys", "create", "--org", organization, *more)

    def limit(self, organization="acme", **limits):
        self.run("orgs", "set-limits", organization, *(f"--{name.replace('_', '-')}={value}" for name, value in limits.items()))

    def usage(self, *by):
        return json.loads(self.run("usage", "--json", "--by", ",".join(by)))


class Server:
    def __init__(self, place, **settings):
        self.port, self.log = free_port(), place.directory / f"server-{uuid.uuid4().hex[:8]}.txt"
        ours = {"LLM_INFERENCE_HOSTNAME": "127.0.0.1", "LLM_INFERENCE_PORT": str(self.port)}
        ours |= {"LLM_MAX_CONCURRENT_REQUESTS": "32", "LLM_MAX_QUEUED_REQUESTS": "400"}
        with open(self.log, "w") as output:
            environment = place.settings | ours | settings
            self.process = subprocess.Popen([SERVER, "serve"], cwd=place.directory, env=environment, stdout=output, stderr=subprocess.STDOUT)
        wait_until(self.is_ready, "the server's start")

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError):
            return self.get("/health/ready").status == 200
        return False

    def open(self, path, body=None, key=None, **headers):
        headers |= {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        body = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers), timeout=PATIENCE)

    def get(self, path, body=None, key=None, **headers):
        try:
            return Answer(self.open(path, body, key, **headers))
        except urllib.error.HTTPError as refusal:
            return Answer(refusal)

    def chat(self, key=None, max_tokens=8, **fields):
        fields = {"model": "demo", "messages": QUESTION, "max_tokens": max_tokens, "ignore_eos": True} | fields
        return self.get(CHAT, fields, key)

    def stream(self, key, max_tokens):
        """How many tokens it used; 0 if it was refused, `None` if it broke off."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        try:
            answer = self.chat(key, max_tokens, **options)
        except (OSError, http.client.HTTPException):
            return None
        if answer.status != 200:
            assert answer.status == 429, answer.text
            return 0
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        return next((event["usage"]["total_tokens"] for event in events if event.get("usage")), None)

    def stop(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


class Proxy(socketserver.ThreadingTCPServer):
    """Stands before a database, and can be made to swallow what it is sent, or to refuse."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, target):
        self.target, self.connections = target, []
        super().__init__(("127.0.0.1", 0), None)
        self.forwards = threading.Event()
        self.forwards.set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def finish_request(self, request, _):
        with socket.create_connection(self.target) as upstream:
            self.connections += [request, upstream]
            back = threading.Thread(target=self.pump, args=(upstream, request), daemon=True)
            back.start()
            self.pump(request, upstream)
            back.join()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.forwards.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def refuse(self):
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def psql(statement):
    subprocess.run(["psql", "-q", POSTGRES, "-c", f"SET client_min_messages = warning; {statement}"], check=True, timeout=PATIENCE)


@pytest.fixture(autouse=True)
def far_from_midnight():
    """No day of UTC ends in the middle of a test: quotas would begin anew."""
    left = -time.time() % 86400
    if left < 2 * PATIENCE:
        time.sleep(left + 1)


@pytest.fixture
def started():
    """Keeps what a test starts, and ends it whatever becomes of the test."""
    with contextlib.ExitStack() as stack:

        def keep(server):
            stack.callback(server.process.kill)
            return server

        yield keep


@pytest.fixture
def sqlite(tmp_path):
    return Place(tmp_path, {})


@pytest.fixture
def postgres(tmp_path):
    """In a schema of its own, which is thrown away as a whole."""
    if POSTGRES is None:
        pytest.skip("LLM_TEST_POSTGRES_URL names no PostgreSQL")
    schema = f"test_{uuid.uuid4().hex}"
    psql(f"CREATE SCHEMA {schema}")
    yield Place(tmp_path, {"LLM_DATABASE_URL": f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}options[search_path]={schema}"})
    psql(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request):
    return request.getfixturevalue(request.param)
