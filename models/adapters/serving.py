"""The built server at LLM_TEST_BINARY with a catalogue of its own, asked over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 120  # seconds
AT_ONCE = 8


class Server:
    """It runs for as long as the block lasts, and hears nothing of the settings of whoever starts it."""

    def __init__(self, catalogue: list[dict], **settings: str):
        self.catalogue, self.settings = catalogue, settings

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        place = self.directory.name
        with open(f"{place}/serving_config.yaml", "w") as file:
            json.dump({"models": self.catalogue}, file)
        ours = {"PATH": os.environ["PATH"], "HOME": place, "LLM_DATA_DIR": f"{place}/data", "LLM_INFERENCE_HOSTNAME": "127.0.0.1",
                "LLM_INFERENCE_PORT": str(port), "OTEL_SDK_DISABLED": "true", "LOG_LEVEL": "warn"}
        self.process = subprocess.Popen([os.environ["LLM_TEST_BINARY"], "serve"], cwd=place, env=ours | self.settings, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            assert self.process.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.directory.cleanup()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=PATIENCE) as answer:
                return answer.status == 200
        except OSError:
            return False

    def post(self, path: str, **body) -> dict:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise RuntimeError(f"{path}: {refusal.code} {refusal.read().decode()}") from refusal

    def chat(self, model: str, conversations: list[list[dict]]) -> list[dict]:
        """The greedy answer to each, some at once: `text`, `tokens`, and the `model` that gave it."""

        def one(messages: list[dict]) -> dict:
            answer = self.post("/v1/chat/completions", model=model, messages=messages, temperature=0, max_tokens=160)
            return {"text": answer["choices"][0]["message"]["content"], "tokens": answer["usage"]["completion_tokens"], "model": answer["model"]}

        return self._all(one, conversations)

    def sql(self, model: str, dialect: str, conversations: list[list[dict]]) -> list[dict]:
        """The same from `/text2sql`, and whether the answer is `valid` in a dialect."""

        def one(messages: list[dict]) -> dict:
            answer = self.post("/text2sql", model=model, messages=messages, dialect=dialect, temperature=0, max_tokens=160)
            return {"text": answer["choices"][0]["message"]["content"], "valid": answer["text2sql"]["valid"]}

        return self._all(one, conversations)

    @staticmethod
    def _all(ask, conversations: list[list[dict]]) -> list[dict]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(ask, conversations))
