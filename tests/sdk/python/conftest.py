"""The official Python client."""

import pytest


@pytest.fixture
def chat(client, model):
    """A chat completion of one question, greedy unless said otherwise."""

    def ask(content="Get top 10 customers by revenue", **options):
        options = {"model": model, "temperature": 0, "max_tokens": 96} | options
        return client.chat.completions.create(messages=[{"role": "user", "content": content}], **options)

    return ask
