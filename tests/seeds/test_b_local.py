"""A local server: text and chat, whole and streamed."""

import pytest


def check_cost(answer, most=512):
    assert 0 < answer["tokens_generated"] <= most
    assert answer["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert usage["completion_tokens"] == answer["tokens_generated"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def check_stream(events, field):
    end = events.pop()
    assert end["done"] is True
    check_cost(end)
    assert events and all(list(event) == [field] and event[field] for event in events)


def test_generate(post, model):
    body = {"prompt": "Explain machine learning in simple terms.", "model": model, "max_tokens": 256, "temperature": 0.7}
    answer = post("/api/generate", body).json()
    assert isinstance(answer["text"], str)
    assert answer["model"] == model
    check_cost(answer, 256)


def test_generate_stream(stream, model):
    check_stream(stream("/api/generate/stream", {"prompt": "Write a haiku about coding.", "model": model}), "text")


def test_chat(post, model):
    answer = post("/api/chat", {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}).json()
    assert answer["message"]["role"] == "assistant"
    assert answer["message"]["content"]
    assert answer["model"] == model
    check_cost(answer)


def test_chat_stream(stream, model):
    check_stream(stream("/api/chat/stream", {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}), "content")


def test_models(get, model):
    assert model in [entry["id"] for entry in get("/api/llms").json()]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health(get, path):
    assert get(path).status_code == 200


def test_metrics(get):
    answer = get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain") or "openmetrics" in answer.headers["content-type"]
    assert "# TYPE api_requests" in answer.text
