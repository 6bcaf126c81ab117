"""The examples of the five descriptions of such servers that this one was made after, sent as they stand there, but for host,
key and model; and what they say is answered. A description is a file: its whole surface on one server."""

import json
from datetime import datetime

import pytest
import requests

HEADERS = {"Authorization": "Bearer your-secret-api-key"}


@pytest.fixture(scope="session")
def get(base_url):
    def ask(path, **options):
        return requests.get(base_url + path, timeout=60, **options)

    return ask


@pytest.fixture(scope="session")
def post(base_url):
    def ask(path, body, **options):
        return requests.post(base_url + path, json=body, headers=HEADERS, timeout=120, **options)

    return ask


@pytest.fixture(scope="session")
def stream(post):
    """The data of each event of an answer that is sent as it is made; the last was `[DONE]`."""

    def ask(path, body):
        answer = post(path, body, stream=True)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines(decode_unicode=True) if line and not line.startswith(":")]
        assert all(line.startswith("data: ") for line in lines), lines
        data = [line.removeprefix("data: ") for line in lines]
        assert data.pop() == "[DONE]"
        return [json.loads(event) for event in data]

    return ask


@pytest.fixture(scope="session")
def moment():
    """A time in RFC 3339, and in UTC."""

    def parse(text):
        assert text.endswith("Z")
        return datetime.fromisoformat(text)

    return parse
