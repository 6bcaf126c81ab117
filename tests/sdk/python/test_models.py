"""GET /v1/models and the pages beside it."""

import json
import urllib.request


def test_a_model_has_its_card(client, model):
    card = client.models.retrieve(model)
    assert card.id == model
    assert card.object == "model"
    assert card.owned_by
    assert card.created > 0


def fetched(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_health_is_told(base_url, model):
    assert json.loads(fetched(f"{base_url}/health"))["status"] == "healthy"
    assert model in json.loads(fetched(f"{base_url}/health/ready"))["models"]
    fetched(f"{base_url}/health/live")
    assert {"message", "docs", "health"} <= json.loads(fetched(f"{base_url}/")).keys()
