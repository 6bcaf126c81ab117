"""What changes in MLflow while a server runs."""

import concurrent.futures
import datetime
import json
import threading
import urllib.error
import urllib.request

import pytest

from conftest import MODELS, Registry, Server, files, get, wait_until

CLIENTS = 8


def as_it_is(directory):
    return files(MODELS / directory, tokenizer="", others="")


@pytest.fixture
def live(registry, request):
    """A registered model of its own for each test; its first version is in production."""
    name = request.node.name
    registry.call("POST", "registered-models/create", name=name)
    registry.register(name, as_it_is("hf/llama"))
    registry.promote(name, "1")
    return name


def reload(server, model):
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/models/{model}/reload", method="POST")) as answer:
        return answer.read()


def test_a_version_that_is_promoted_answers_without_a_break(registry, live, started, tmp_path):
    registry.register(live, as_it_is("hf/qwen2"))
    server = started(Server(tmp_path, MODEL_NAME=live, MLFLOW_TRACKING_URI=registry.url, MLFLOW_REFRESH_SECONDS="1"))
    wait_until(server.is_ready, "the server's start")
    old = server.complete(live)
    everybody_has_answers = threading.Barrier(CLIENTS + 1, timeout=60)
    gave_up = threading.Event()

    def client():
        """Whether each answer was begun when the new version was there already, and the answer; the last one was."""
        answers = [(False, server.stream(live))]
        everybody_has_answers.wait()
        while not answers[-1][0]:
            assert not gave_up.is_set()
            is_new = server.get("/info")["version"] == "2"
            answers.append((is_new, server.stream(live)))
        return answers

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client) for _ in range(CLIENTS)]
        try:
            everybody_has_answers.wait()
            registry.promote(live, "2")
            wait_until(lambda: server.get("/info")["version"] == "2", "the new version")
        except BaseException:
            gave_up.set()
            raise
        answers = [answer for client in clients for answer in client.result()]
    new = server.complete(live)
    assert new != old
    assert {text for _, text in answers} == {old, new}
    assert all(text == new for is_new, text in answers if is_new)
    assert server.stop() == 0


def cut_in_half(directory):
    half = directory / "model.safetensors"
    whole = (MODELS / "hf/qwen2/model.safetensors").read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    return as_it_is("hf/qwen2") | {"model.safetensors": half}


def test_a_broken_version_leaves_the_old_one_in_its_place(registry, live, started, tmp_path):
    registry.register(live, cut_in_half(tmp_path))
    server = started(Server(tmp_path, MODEL_NAME=live, MLFLOW_TRACKING_URI=registry.url, MLFLOW_REFRESH_SECONDS="1"))
    wait_until(server.is_ready, "the server's start")
    text = server.complete(live)
    registry.promote(live, "2")
    wait_until(lambda: server.get("/health/ready")["models"][live] == "outdated", "the news of the broken version")
    assert server.get("/health/ready")["reasons"] == {live: "no newer version can be had: its files cannot be used"}
    assert server.is_ready() and server.complete(live) == text
    metrics = get(f"http://127.0.0.1:{server.port}/metrics").decode()
    assert f'model_outdated{{model="{live}"}} 1' in metrics
    with pytest.raises(urllib.error.HTTPError) as refusal:
        reload(server, live)
    assert refusal.value.code == 503
    said = [line for line in server.lines() if "no newer version can be had" in line["message"]]
    assert len(said) == 1, said

    registry.register(live, as_it_is("hf/qwen2"))
    registry.promote(live, "3")
    wait_until(lambda: server.get("/info")["version"] == "3", "the mended version")
    ready = server.get("/health/ready")
    assert ready["models"][live] == "ready" and "reasons" not in ready
    assert server.complete(live) != text


def test_a_start_goes_back_to_the_version_that_answered_where_the_newest_is_broken(registry, live, gate, started, tmp_path):
    variables = {"MODEL_NAME": live, "MLFLOW_TRACKING_URI": gate.url, "MLFLOW_REFRESH_SECONDS": "0"}
    server = started(Server(tmp_path, **variables))
    wait_until(server.is_ready, "the server's start")
    text = server.complete(live)
    assert server.stop() == 0
    registry.register(live, cut_in_half(tmp_path))
    registry.promote(live, "2")
    for is_there in [True, False]:
        gate.open = is_there
        server = started(Server(tmp_path, **variables))
        wait_until(server.is_ready, "the start with the last good version")
        assert server.complete(live) == text and server.get("/info")["version"] == "1"
        assert server.get("/health/ready")["reasons"] == {live: "no newer version can be had: its files cannot be used"}
        assert server.stop() == 0


def test_a_model_that_cannot_be_had_is_waited_for(registry, live, started, tmp_path):
    server = started(Server(tmp_path, MODEL_NAME=live, MODEL_STAGE="@champion", MLFLOW_TRACKING_URI=registry.url))
    wait_until(lambda: any("tried again" in line["message"] for line in server.lines()), "the news that it is not there")
    assert server.status("/health/ready") == 503
    registry.call("POST", "registered-models/alias", name=live, alias="champion", version="1")
    wait_until(server.is_ready, "the start when it is there")
    info = server.get("/info")
    known = registry.call("GET", f"model-versions/get?name={live}&version=1")["model_version"]
    created = datetime.datetime.fromisoformat(info["created"]).timestamp()
    assert info["aliases"] == ["champion"] and abs(created - int(known["creation_timestamp"]) / 1000) < 0.01


def test_an_adapter_that_was_loaded_by_somebody_follows_its_stage(registry, started, tmp_path):
    registry.call("POST", "registered-models/create", name="tuned")
    first = files(MODELS / "adapters/llama", tokenizer="", others="peft/")
    settings = json.loads((MODELS / "adapters/llama/adapter_config.json").read_text())
    stronger = tmp_path / "adapter_config.json"
    stronger.write_text(json.dumps(settings | {"lora_alpha": 4 * settings["lora_alpha"]}))
    for version in [first, first | {"peft/adapter_config.json": stronger}]:
        registry.register("tuned", version)
    registry.promote("tuned", "1")
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": [{"id": "llama", "source": str(MODELS / "hf/llama")}]}))
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=registry.url, MLFLOW_REFRESH_SECONDS="1"))
    wait_until(server.is_ready, "the server's start")
    server.post("/v1/load_lora_adapter", {"lora_name": "moves", "lora_path": "mlflow:models:/tuned/Production"})
    old = server.complete("moves")
    registry.promote("tuned", "2")
    version = lambda: {model["name"]: model["version"] for model in server.get("/info")["models"]}["moves"]
    wait_until(lambda: version() == "2", "the newer adapter")
    assert server.complete("moves") not in [old, server.complete("llama")]


def test_a_reload_does_it_at_once(registry, live, started, tmp_path):
    registry.register(live, as_it_is("hf/qwen2"))
    server = started(Server(tmp_path, MODEL_NAME=live, MLFLOW_TRACKING_URI=registry.url, MLFLOW_REFRESH_SECONDS="0"))
    wait_until(server.is_ready, "the server's start")
    assert b'"changed":false' in reload(server, live)
    registry.promote(live, "2")
    assert b'"changed":true' in reload(server, live)
    assert server.get("/info")["version"] == "2"


def test_info_tells_what_the_registry_says_also_while_it_is_away(registry, gate, started, tmp_path):
    run = registry.call("POST", "runs/create", experiment_id="0")["run"]["info"]["run_id"]
    registry.call("POST", "runs/log-parameter", run_id=run, key="learning_rate", value="0.0001")
    registry.call("POST", "runs/log-metric", run_id=run, key="exact_match", value=0.61, timestamp=1, step=0)
    registry.call("POST", "registered-models/create", name="told")
    registry.register("told", as_it_is("hf/llama"), run_id=run, tags=[{"key": "team", "value": "finance"}])
    registry.promote("told", "1")
    registry.call("POST", "registered-models/alias", name="told", alias="champion", version="1")
    variables = {"MODEL_NAME": "told", "MLFLOW_TRACKING_URI": gate.url}
    for _ in range(2):
        server = started(Server(tmp_path, **variables))
        wait_until(server.is_ready, "the server's start")
        info = server.get("/info")
        told = {name: info[name] for name in ["uri", "stage", "aliases", "run_id", "parameters", "metrics", "tags"]}
        assert told == {
            "uri": "models:/told/1",
            "stage": "Production",
            "aliases": ["champion"],
            "run_id": run,
            "parameters": {"learning_rate": "0.0001"},
            "metrics": {"exact_match": 0.61},
            "tags": {"team": "finance"},
        }
        assert server.stop() == 0
        gate.open = False


def test_a_registry_that_knows_its_users_is_asked_as_one_of_them(started, tmp_path):
    password = "correct horse battery"
    registry = Registry(tmp_path, password)
    try:
        registry.call("POST", "registered-models/create", name="sql")
        registry.register("sql", as_it_is("hf/llama"))
        registry.promote("sql", "1")
        variables = {"MODEL_NAME": "sql", "MLFLOW_TRACKING_URI": registry.url, "MLFLOW_TRACKING_USERNAME": "admin"}
        (tmp_path / "wrong").mkdir()
        refused = started(Server(tmp_path / "wrong", MLFLOW_TRACKING_PASSWORD="wrong", **variables))
        wait_until(lambda: "MLFLOW_TRACKING_PASSWORD" in refused.log.read_text(), "the refusal")
        # Whoever keeps the registry may let it in later.
        assert refused.status("/health/ready") == 503
        server = started(Server(tmp_path, MLFLOW_TRACKING_PASSWORD=password, **variables))
        wait_until(server.is_ready, "the server's start")
        assert server.complete("sql")
        assert password not in server.log.read_text()
    finally:
        registry.stop()
