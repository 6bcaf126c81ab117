"""A gateway with keys and quotas under everything that clients do, for LLM_SOAK_SECONDS: what it holds has to stay what it was."""

import http.client
import json
import os
import random
import socket
import threading
import time

from conftest import CHAT, PATIENCE, QUESTION, Place, Server, wait_until

SECONDS = float(os.environ.get("LLM_SOAK_SECONDS", "20"))
CLIENTS = 6
# Allocators keep what they were once given, and counters grow with the models and keys that they know, not with requests.
SLACK_BYTES = 6 * 2**20


class Client:
    def __init__(self, server, key, seed):
        self.server, self.key, self.random = server, key, random.Random(seed)
        self.answered = {}

    def run(self, until):
        acts = [self.whole, self.streamed, self.streamed, self.hung_up, self.unread, self.malformed, self.unknown, self.stranger, self.looks]
        while time.monotonic() < until:
            act = self.random.choice(acts)
            status = act()
            self.answered[act.__name__, status] = self.answered.get((act.__name__, status), 0) + 1

    def send(self, body, key=None, path=CHAT, method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, body, {"content-type": "application/json", "authorization": f"Bearer {key or self.key}"})
        return connection

    def status(self, connection):
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def question(self, **fields):
        words = " ".join(self.random.choices(["orders", "customers", "by", "month", "of", "last"], k=self.random.randrange(1, 12)))
        return {"model": "demo", "messages": [*QUESTION, {"role": "user", "content": words}], "max_tokens": 4} | fields

    def whole(self):
        return self.status(self.send(self.question()))

    def streamed(self):
        return self.status(self.send(self.question(stream=True, max_tokens=self.random.randrange(1, 24))))

    def hung_up(self):
        """In the middle of the stream."""
        connection = self.send(self.question(stream=True, max_tokens=200, ignore_eos=True))
        answer = connection.getresponse()
        answer.readline()
        connection.close()
        return answer.status

    def unread(self):
        """Before the answer begins."""
        connection = self.send(self.question(max_tokens=200, ignore_eos=True))
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    def malformed(self):
        return self.status(self.send(b'{"model": "demo", "messages": ['))

    def unknown(self):
        return self.status(self.send(self.question(model=f"m-{self.random.randrange(10**9)}")))

    def stranger(self):
        return self.status(self.send(self.question(), key=f"sk-{self.random.randrange(10**12)}-of-nobody-here"))

    def looks(self):
        return self.status(self.send(b"", path=self.random.choice(["/metrics", "/health", "/v1/models"]), method="GET"))


def resident(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def metric(server, name):
    lines = [line for line in server.get("/metrics").text.splitlines() if line.startswith(name)]
    assert lines, f"{name} is not among the metrics"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def places(directory):
    for name in ("gateway", "behind"):
        (directory / name).mkdir()
        yield Place(directory / name, {})


def test_nothing_grows_under_mixed_load(tmp_path, started):
    gateway, behind = places(tmp_path)
    upstream = started(Server(behind))
    configuration = gateway.directory / "serving_config.yaml"
    configuration.write_text(f'models:\n  - id: demo\n    upstreams:\n      - url: "http://127.0.0.1:{upstream.port}"\n')
    key = gateway.key()
    # An hour has more requests than organisations may send in a day if nothing is said.
    gateway.limit(tokens_per_day=10**12, requests_per_day="none", requests_per_month=10**12)
    server = started(Server(gateway, LLM_CONFIG=str(configuration)))
    clients = [Client(server, key, seed) for seed in range(CLIENTS)]
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=client.run, args=(end,)) for client in clients]
    [thread.start() for thread in threads]
    time.sleep(SECONDS / 2)
    half, open_files = resident(server.process), descriptors(server.process)
    [thread.join() for thread in threads]

    answered = {}
    for client in clients:
        for act, count in client.answered.items():
            answered[act] = answered.get(act, 0) + count
    expected = {("whole", 200), ("streamed", 200), ("hung_up", 200), ("unread", None), ("malformed", 400), ("unknown", 404)}
    assert set(answered) == expected | {("stranger", 401), ("looks", 200)}, answered
    wait_until(lambda: metric(server, "gateway_upstream_in_flight") == 0, "the end of the last request")
    wait_until(lambda: metric(upstream, "vllm:num_requests_running") == 0, "the end of the last sequence")
    wait_until(lambda: descriptors(server.process) <= open_files, "the closing of the connections")
    assert resident(server.process) < half + SLACK_BYTES, f"{half} bytes became {resident(server.process)} with {answered}"
    assert server.stop() == 0
