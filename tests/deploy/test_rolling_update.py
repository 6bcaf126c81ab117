"""Two servers behind nginx are replaced one after the other while clients ask on and on."""

import json
import os
import re
import shutil
import subprocess
import threading
import urllib.error

import pytest

from conftest import DEPLOY, Process, Server, free_port, wait_until

CLIENTS = 6
CERTIFICATE = re.search(r"openssl req.*?server\.pem", (DEPLOY / "start-all.sh").read_text(), re.DOTALL)[0]
RUNNING = re.compile(r"^vllm:num_requests_running\{.*\} ([1-9]\d*)$", re.MULTILINE)


class Nginx(Process):
    """With the settings of deploy/, but for the ports and where files lie, and a certificate as start-all.sh makes one."""

    scheme = "https"

    def __init__(self, directory, servers):
        port = free_port()
        settings = (DEPLOY / "nginx/nginx.conf").read_text()
        [ours] = re.findall(r"^ *server llm-inference-api:8091(.*;)$", settings, re.MULTILINE)
        settings = settings.replace(f"server llm-inference-api:8091{ours}", "\n".join(f"server 127.0.0.1:{server.port}{ours}" for server in servers))
        settings = settings.replace("listen 443 ", f"listen 127.0.0.1:{port} ").replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
        places = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        settings = settings.replace("http {", f"http {{ {places}").replace("worker_processes auto", "worker_processes 1")
        (directory / "nginx.conf").write_text(f"daemon off; pid {directory}/nginx.pid;\n{settings}")
        (directory / "certificates").mkdir()
        subprocess.run(["bash", "-euc", CERTIFICATE], cwd=directory, check=True, capture_output=True)
        command = [shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"), "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"]
        super().__init__(command, port, "/health/ready", directory / "nginx.txt")


class Client(threading.Thread):
    """Asks without a pause, every second time for a stream, and notes what was not as it should be."""

    def __init__(self, proxy, enough):
        super().__init__(daemon=True)
        self.proxy, self.enough = proxy, enough
        self.answers, self.faults = 0, []

    def run(self):
        while not self.enough.is_set():
            stream = self.answers % 2 == 0
            try:
                status, text = self.proxy.chat(max_tokens=128, ignore_eos=True, stream=stream)
                whole = text.endswith("data: [DONE]\n\n") if stream else json.loads(text)["usage"]["completion_tokens"] == 128
                if status != 200 or not whole:
                    self.faults.append((status, text[-300:]))
            except Exception as error:
                self.faults.append(error)
            self.answers += 1


@pytest.fixture
def clients(started, tmp_path):
    servers = [started(Server(tmp_path)) for _ in range(2)]
    proxy, enough = started(Nginx(tmp_path, servers)), threading.Event()
    clients = [Client(proxy, enough) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    yield servers, clients
    enough.set()
    for client in clients:
        client.join()


def test_no_answer_is_lost_while_servers_are_replaced(started, tmp_path, clients):
    servers, clients = clients
    for old in servers:
        before = [client.answers for client in clients]
        wait_until(lambda: RUNNING.search(old.get("/metrics")), "an answer in the making")
        assert old.stop() == 0
        new = started(Server(tmp_path, old.port))
        wait_until(lambda: RUNNING.search(new.get("/metrics")), "an answer of the new server")
        wait_until(lambda: all(client.answers > count for client, count in zip(clients, before)), "everybody's next answer")
    assert [client.faults for client in clients] == [[]] * CLIENTS


def test_nobody_outside_reads_the_metrics(clients):
    _, [client, *_] = clients
    with pytest.raises(urllib.error.HTTPError, match="404"):
        client.proxy.get("/metrics")
