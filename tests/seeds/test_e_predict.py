"""One generation or many, for scripts."""

import uuid

import pytest


def check_prediction(answer, prompt, most, moment):
    assert isinstance(answer["generated_text"], str)
    assert answer["prompt"] == prompt
    assert 0 < answer["tokens_generated"] <= most
    assert isinstance(answer["processing_time"], float)
    assert isinstance(answer["model_name"], str)
    assert isinstance(answer["model_version"], str)
    moment(answer["timestamp"])


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({"prompt": "Once upon a time", "max_length": 100, "temperature": 0.7}, 100),
        ({"prompt": "Explain machine learning in simple terms:", "max_length": 150, "temperature": 0.8, "top_p": 0.9}, 150),
        ({"prompt": "Once", "top_p": 0.95, "stop_tokens": ["string"]}, 100),
    ],
)
def test_one(post, moment, body, most):
    check_prediction(post("/predict", body).json(), body["prompt"], most, moment)


def test_many(post, moment):
    prompts = ["Hello world", "How are you?"]
    answer = post("/predict/batch", {"prompts": prompts, "max_length": 50}).json()
    assert answer["batch_size"] == 2
    assert isinstance(answer["total_processing_time"], float)
    moment(answer["timestamp"])
    for prompt, result in zip(prompts, answer["results"], strict=True):
        check_prediction(result, prompt, 50, moment)


def test_health(get, moment):
    answer = get("/health").json()
    words = [answer[name] for name in ("status", "api_status", "model_status")]
    assert words == ["healthy", "running", "loaded"]
    assert answer["gpu_status"] in ("available", "unavailable")
    assert answer["uptime_seconds"] > 0
    moment(answer["timestamp"])


def test_metrics(get):
    text = get("/metrics").text
    for name in (
        "api_requests_total",
        "api_request_duration_seconds_bucket",
        "gpu_memory_usage_bytes",
        "tokens_per_second",
        "model_loaded",
    ):
        assert f"\n{name}" in text, name


def test_info(get, model):
    answer = get("/info").json()
    assert answer["name"] == model
    assert {"version", "stage", "run_id", "uri", "parameters", "metrics", "tags", "created"} <= set(answer)


def test_status(get, model):
    answer = get("/status").json()
    assert answer["status"] == "healthy"
    assert answer["uptime_seconds"] > 0
    assert answer["models"][model] == "ready"


def check_error(answer, status, name, moment):
    assert answer.status_code == status
    error = answer.json()
    assert set(error) == {"error", "message", "details", "timestamp", "request_id"}
    assert error["error"] == name
    assert isinstance(error["message"], str)
    assert isinstance(error["details"], dict)
    moment(error["timestamp"])
    assert str(uuid.UUID(error["request_id"])) == error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("wrong", [{}, {"prompt": ""}, {"prompt": "a", "max_length": 2049}, {"prompt": "a", "temperature": 2.1}])
def test_a_request_that_is_wrong(post, moment, wrong):
    check_error(post("/predict", wrong), 400, "validation_error", moment)


def test_a_request_that_is_too_large(post, moment):
    check_error(post("/predict", {"prompt": "a" * 11_000_000}), 413, "payload_too_large", moment)
