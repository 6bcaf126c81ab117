"""The official Python client against the server at LLM_TEST_BASE_URL."""

import os

import openai
import pytest

BASE_URL = os.environ.get("LLM_TEST_BASE_URL", "http://localhost:8091")


@pytest.fixture(scope="session")
def base_url():
    return BASE_URL


@pytest.fixture(scope="session")
def client():
    # A retry would hide an answer that should have been right the first time.
    return openai.OpenAI(base_url=f"{BASE_URL}/v1", api_key="not-needed", max_retries=0, timeout=60)


@pytest.fixture(scope="session")
def model(client):
    return client.models.list().data[0].id


@pytest.fixture
def chat(client, model):
    """A chat completion of one question, greedy unless said otherwise."""

    def ask(content="Get top 10 customers by revenue", **options):
        options = {"model": model, "temperature": 0, "max_tokens": 96} | options
        return client.chat.completions.create(messages=[{"role": "user", "content": content}], **options)

    return ask
