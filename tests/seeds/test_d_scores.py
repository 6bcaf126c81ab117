"""Scores of models for prompts."""

import pytest

BODY = {
    "model": "dense_network/my_model",
    "models_to_score": ["gpt-3.5-turbo", "gpt-4", "claude-2"],
    "prompts": ["What is Python?", "Explain machine learning"],
    "batch_size": 128,
}


def test_health(get):
    answer = get("/health").json()
    assert answer["status"] == "healthy"
    assert isinstance(answer["version"], str)


def test_home(get):
    answer = get("/").json()
    assert (answer["docs"], answer["health"]) == ("/docs", "/health")
    assert isinstance(answer["message"], str)


def test_scores_for_each_model_and_prompt(post):
    models = ["coder", "author", "allround"]
    prompts = ["Implement a hash table in Rust. Keep it short.", "Write a story that takes place in Rome. Use at least 900 words."]
    answer = post("/infer", {"model": "dense_network/example", "models_to_score": models, "prompts": prompts, "batch_size": 1})
    assert answer.status_code == 200
    scores = answer.json()["scores"]
    assert list(scores) == models
    assert [max(models, key=lambda model: scores[model][prompt]) for prompt in (0, 1)] == ["coder", "author"]
    # Alone as together.
    alone = post("/infer", {"model": "dense_network/example", "models_to_score": ["author"], "prompts": prompts[1:]})
    assert alone.json() == {"scores": {"author": scores["author"][1:]}}


def test_a_scorer_that_is_not_there(post):
    answer = post("/infer", BODY)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert BODY["model"] in answer.json()["message"] and "dense_network/example" in answer.json()["message"]


def test_models_that_the_scorer_does_not_know(post):
    answer = post("/infer", BODY | {"model": "dense_network/example"})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "gpt-3.5-turbo" in answer.json()["message"] and "polyglot" in answer.json()["message"]


@pytest.mark.parametrize(
    "wrong",
    [{"model": "my_model"}, {"models_to_score": []}, {"prompts": "What is Python?"}, {"batch_size": 0}, {"batch_size": 1025}],
)
def test_what_is_wrong_is_said_first(post, wrong):
    answer = post("/infer", BODY | wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert answer.json()["details"]["field"] in wrong
