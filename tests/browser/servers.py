"""The built server at LLM_TEST_BINARY as the console is tried with it, and a stand-in for a model that is slow."""

import contextlib
import json
import os
import pathlib
import subprocess
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from waiting import PATIENCE, free_port, wait_until

ROOT = pathlib.Path(__file__).parents[2]


class Server:
    """With these settings (a dict, since JSON is YAML), and these flags."""

    def __init__(self, directory, settings, *flags):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "log.txt"
        (directory / "serving_config.yaml").write_text(json.dumps(settings))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        ours = {"LLM_DATABASE_URL": "sqlite::memory:", "LLM_DATA_DIR": str(directory / "data"), "OTEL_SDK_DISABLED": "true"}
        command = [os.environ["LLM_TEST_BINARY"], "serve", "--host", "127.0.0.1", "--port", str(self.port), *flags]
        with open(self.log, "w") as output:
            self.process = subprocess.Popen(command, cwd=directory, env=kept | ours, stdout=output, stderr=subprocess.STDOUT)
        wait_until(self.is_ready, "the server's start")

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError):
            return self.get("/health/ready")
        return None

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def post(self, path, body):
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def metric(self, name, **labels):
        """The sum over all series that have these labels."""
        lines = [line for line in self.get("/metrics").splitlines() if line.split("{")[0] == name]
        chosen = [line for line in lines if all(f'{label}="{value}"' in line for label, value in labels.items())]
        return sum(float(line.rsplit(" ", 1)[1]) for line in chosen)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Teller:
    """A server with a model that says a piece of its answer whenever it is told to."""

    def __init__(self):
        self.hung_up = threading.Event()
        self._told = threading.Condition()
        self._pieces = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def begin(self):
        """Forgets what was said in the test before."""
        self.hung_up.clear()
        with self._told:
            self._pieces = []

    def say(self, *pieces):
        with self._told:
            self._pieces += pieces
            self._told.notify_all()

    def end(self):
        self.say(None)

    def break_off(self):
        self.say(ConnectionError)

    def _next(self, index):
        """`None` for nothing yet: so that it is noticed in the meantime who has hung up."""
        with self._told:
            self._told.wait_for(lambda: len(self._pieces) > index, 0.05)
            return self._pieces[index : index + 1]

    def _handler(teller):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"object": "list", "data": [{"id": "slow", "object": "model", "max_model_len": 4096}]}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                try:
                    self.tell()
                except OSError:
                    teller.hung_up.set()

            def tell(self):
                self.write({"role": "assistant", "content": ""})
                said = 0
                while True:
                    # Writing is how one notices that nobody listens any more.
                    self.wfile.write(b": still there\n\n")
                    for piece in teller._next(said):
                        said += 1
                        if piece is ConnectionError:
                            return
                        if piece is None:
                            return self.finish_telling(said)
                        self.write(piece if isinstance(piece, dict) else {"content": piece})

            def finish_telling(self, said):
                self.write({}, finish="stop")
                usage = {"prompt_tokens": 7, "completion_tokens": said - 1, "total_tokens": said + 6}
                self.event({"choices": [], "usage": usage})
                self.wfile.write(b"data: [DONE]\n\n")

            def write(self, delta, finish=None):
                self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

            def event(self, body):
                chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "slow"} | body
                self.wfile.write(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())

            def log_message(self, *_):
                pass

        return Handler
