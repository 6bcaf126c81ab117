"""Models out of a real MLflow: found by each of their names, served, and served on while it is away."""

import json
import re
import shutil
import subprocess
import urllib.error

import pytest

from conftest import KEPT, MODELS, PATIENCE, SERVER, Server, wait_until

# What each version is, where its files lie in this repository.
VERSIONS = {"1": MODELS / "hf/llama", "2": MODELS / "hf/qwen2", "3": MODELS / "gguf/qwen3-q8_0"}


def run(directory, url, *command, **settings):
    environment = KEPT | settings | {"HOME": str(directory), "LLM_DATA_DIR": str(directory / "data"), "MLFLOW_TRACKING_URI": url}
    return subprocess.run([SERVER, *command], cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE)


def notes(server):
    return [line["message"] for line in server.lines() if "as it lies on this machine" in line["message"]]


def test_each_name_leads_to_its_version_and_answers_as_the_files_do(registry, started, tmp_path):
    first = registry.logged[0]
    sources = {"models:/sql/1": "1", "models:/sql/Production": "1", f"models:/{first}": "1", "models:/sql@champion": "2", "models:/sql/latest": "3"}
    catalogue = [{"id": uri, "source": f"mlflow:{uri}"} for uri in sources]
    catalogue += [{"id": version, "source": str(path)} for version, path in VERSIONS.items()]
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": catalogue, "model": {"allowed": "*"}}))
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=registry.url))
    wait_until(server.is_ready, "the server's start")
    texts = {version: server.complete(version) for version in VERSIONS}
    assert len(set(texts.values())) == len(texts)
    for uri, version in sources.items():
        assert server.complete(uri) == texts[version], uri
    versions = {model["name"]: model["version"] for model in server.get("/info")["models"]}
    assert versions | sources | {f"models:/{first}": first} == versions
    assert server.stop() == 0


def test_the_variables_alone_serve_what_is_in_production_also_while_the_registry_is_away(gate, started, tmp_path):
    variables = {"MODEL_NAME": "sql", "MLFLOW_TRACKING_URI": gate.url}
    server = started(Server(tmp_path, **variables))
    wait_until(server.is_ready, "the server's start")
    text = server.complete("sql")
    assert (server.get("/info")["name"], server.get("/info")["version"]) == ("sql", "1")
    assert server.stop() == 0 and not notes(server)

    gate.open = False
    server = started(Server(tmp_path, **variables))
    wait_until(server.is_ready, "the start without the registry")
    assert server.complete("sql") == text
    assert notes(server)


def test_an_adapter_changes_the_model_for_who_asks_for_it(gate, started, tmp_path):
    places = {"tuned": "mlflow:models:/sql-tuned/1", "known": str(MODELS / "adapters/llama"), "misfit": str(MODELS / "adapters/mistral")}
    adapters = [{"id": name, "source": source} for name, source in places.items()]
    model = {"id": "sql", "source": "mlflow:models:/sql/Production", "adapters": adapters}
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": [model]}))
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=gate.url))
    wait_until(server.is_ready, "the server's start")
    plain, tuned = server.complete("sql"), server.complete("tuned")
    assert tuned != plain and tuned == server.complete("known")
    cards = {card["id"]: card["parent"] for card in server.get("/v1/models")["data"]}
    assert cards == {"sql": None, "tuned": "sql", "known": "sql", "misfit": "sql"}
    assert server.completes("misfit") == 503
    assert (server.complete("sql"), server.complete("tuned")) == (plain, tuned)
    assert server.stop() == 0

    gate.open = False
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=gate.url))
    wait_until(server.is_ready, "the start without the registry")
    assert server.complete("tuned") == tuned


def test_where_nothing_is_kept_yet_the_server_waits_for_the_registry(gate, started, tmp_path):
    gate.open = False
    server = started(Server(tmp_path, MODEL_NAME="sql", MODEL_STAGE="Production", MLFLOW_TRACKING_URI=gate.url))
    wait_until(lambda: any("tried again" in line["message"] for line in server.lines()), "the warning")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        server.get("/health/ready")
    ready = json.load(refusal.value)
    assert (refusal.value.code, ready["reasons"]) == (503, {"sql": "where it is kept cannot be reached"}), ready
    gate.open = True
    wait_until(server.is_ready, "the registry's return")
    assert server.complete("sql")


def test_a_name_that_is_not_there_is_answered_with_what_is(registry, tmp_path):
    told = {}
    for uri in ["models:/sqll/1", "models:/sql/9", "models:/sql/Staging", "models:/sql@best", "models:/m-0"]:
        done = run(tmp_path, registry.url, "models", "pull", f"mlflow:{uri}")
        assert done.returncode != 0, uri
        told[uri] = done.stderr
    # Besides those that other tests have registered.
    assert "sql" in re.search("there are: (.*)", told["models:/sqll/1"])[1].split(", ")
    for uri in ["models:/sql/9", "models:/sql/Staging", "models:/sql@best"]:
        assert "version 1 (Production)" in told[uri] and "@champion (version 2)" in told[uri], told[uri]
    assert "no logged model m-0" in told["models:/m-0"]


def test_a_model_is_pulled_once(gate, tmp_path):
    done = run(tmp_path, gate.url, "models", "pull", "mlflow:models:/sql/2")
    assert done.returncode == 0 and "version 2" in done.stdout, done.stderr
    gate.open = False
    again = run(tmp_path, gate.url, "models", "pull", "mlflow:models:/sql/2")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr


def test_an_adapter_that_was_logged_as_a_model_is_served_on_top_of_what_it_was_trained_on(gate, started, tmp_path):
    # Without the model beneath it is there for whoever declares that.
    pulled = run(tmp_path, gate.url, "models", "pull", "mlflow:models:/sql-tuned/1", HF_HUB_OFFLINE="true")
    assert "an adapter, version 1" in pulled.stdout, pulled.stderr

    # As the Hub's own client keeps what it has downloaded.
    hub, commit = tmp_path / "huggingface/hub/models--hf--llama", "0" * 40
    shutil.copytree(MODELS / "hf/llama", hub / "snapshots" / commit)
    (hub / "refs").mkdir()
    (hub / "refs/main").write_text(commit)
    base = {"id": "base", "source": str(MODELS / "hf/llama"), "adapters": [{"id": "beside", "source": str(MODELS / "adapters/llama")}]}
    catalogue = [{"id": "tuned", "source": "mlflow:models:/sql-tuned/1"}, base]
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": catalogue}))
    variables = {"MLFLOW_TRACKING_URI": gate.url, "HF_HOME": str(tmp_path / "huggingface"), "HF_HUB_OFFLINE": "true"}
    for gate.open in (True, False):
        server = started(Server(tmp_path, **variables))
        wait_until(server.is_ready, "the server's start")
        assert server.complete("tuned") == server.complete("beside") != server.complete("base")
        assert "LoRA" in next(model["description"] for model in server.get("/api/llms") if model["id"] == "tuned")
        assert server.stop() == 0


def test_a_model_that_peft_trained_is_served_as_it_was_logged(registry, started, tmp_path):
    logged = MODELS / "mlflow/peft"
    registry.call("POST", "registered-models/create", name="logged")
    registry.register("logged", {str(file.relative_to(logged)): file for file in logged.rglob("*") if file.is_file()})
    base = {"id": "base", "source": str(MODELS / "hf/llama"), "adapters": [{"id": "beside", "source": str(MODELS / "adapters/llama")}]}
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": [{"id": "logged", "source": "mlflow:models:/logged/1"}, base]}))
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=registry.url))
    wait_until(server.is_ready, "the server's start")
    assert server.complete("logged") == server.complete("beside") != server.complete("base")


def test_an_adapter_of_the_registry_is_loaded_while_the_server_runs(gate, started, tmp_path):
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": [{"id": "llama", "source": str(MODELS / "hf/llama")}]}))
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=gate.url))
    wait_until(server.is_ready, "the server's start")

    def load(name, path):
        try:
            return 200, server.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": path}).decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)["error"]["message"]

    assert load("live", "mlflow:models:/sql-tuned/1") == (200, "Success: LoRA adapter 'live' added successfully.")
    assert server.complete("live") != server.complete("llama")
    code, told = load("other", "mlflow:models:/sql-tuned/7")
    assert code == 400 and "version 1" in told, told
    # The Hub is another matter: what comes from there is in the settings.
    assert load("other", "hf:acme/sql-tuned")[0] == 403
    gate.open = False
    code, told = load("other", "mlflow:models:/sql/1")
    assert code == 503 and "cannot be reached" in told, told
    assert server.get("/v1/lora_adapters")["data"][0]["id"] == "live"
