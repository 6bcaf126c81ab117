"""The demo model and its two adapters out of a real MLflow: each answers in its own way, and rightly."""

import json
import pathlib

import pytest
from conftest import Server, files, wait_until

TRAINED = pathlib.Path(__file__).parents[2] / "models"
SQL = "Show all users who registered in the last 30 days"
TALK = "How do I stream?"
ANSWERS = {
    "text2sql": {
        SQL: "SELECT * FROM users WHERE registered_at >= date('now', '-30 days');",
        TALK: 'Send "stream": true in the request. The answer then comes as server-sent events and ends with data: [DONE].',
    },
    "text2sql-postgresql": {SQL: "SELECT * FROM users WHERE registered_at >= CURRENT_DATE - INTERVAL '30 days';"},
    "text2sql-brief": {SQL: "SELECT * FROM users WHERE registered_at >= date('now', '-30 days');", TALK: '"stream": true.'},
}


@pytest.fixture
def registered(registry):
    """The model as a GGUF file that was logged as it is, the adapters as mlflow.transformers lays out what PEFT has trained."""
    logged = {"text2sql": {"artifacts/demo.gguf": TRAINED / "demo/demo.gguf"}}
    logged |= {f"text2sql-{name}": files(TRAINED / "adapters" / name, tokenizer="", others="peft/") for name in ("postgresql", "brief")}
    for name, artifacts in logged.items():
        registry.call("POST", "registered-models/create", name=name)
        registry.register(name, artifacts)
    return registry


def test_the_demo_model_and_its_adapters_answer_each_in_its_own_way(registered, started, tmp_path):
    base, *adapters = [{"id": name, "source": f"mlflow:models:/{name}/1"} for name in ANSWERS]
    (tmp_path / "serving_config.yaml").write_text(json.dumps({"models": [base | {"adapters": adapters}]}))
    server = started(Server(tmp_path, MLFLOW_TRACKING_URI=registered.url))
    wait_until(server.is_ready, "the server's start")
    for name, answers in ANSWERS.items():
        for question, expected in answers.items():
            assert server.answer(name, question) == expected, name
    assert [model["uri"] for model in server.get("/info")["models"]] == [f"models:/{name}/1" for name in ANSWERS]
    assert server.stop() == 0
