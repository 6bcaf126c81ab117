"""`/v1/embeddings` by the official client, with all-MiniLM-L6-v2: the vectors are those of sentence-transformers."""

import array
import base64
import math

import openai
import pytest

from conftest import COARSE, MODEL

TRUNCATED = {"truncate_prompt_tokens": -1}


def vector(text):
    return array.array("f", base64.b64decode(text))


def far(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("encoding", ["float", "base64", openai.NOT_GIVEN])
def test_vectors_are_those_of_sentence_transformers(client, expected, encoding):
    texts = [example["text"] for example in expected]
    answer = client.embeddings.create(model=MODEL, input=texts, encoding_format=encoding, extra_body=TRUNCATED)
    assert [one.index for one in answer.data] == list(range(len(texts)))
    for one, example in zip(answer.data, expected, strict=True):
        found = vector(one.embedding) if isinstance(one.embedding, str) else one.embedding
        assert far(found, vector(example["vector"])) < 1e-4, example["text"][:50]
    assert answer.model == MODEL
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 300


def test_eight_bits_turn_a_vector_by_little(client, expected):
    texts = [example["text"] for example in expected]
    coarse = client.embeddings.create(model=COARSE, input=texts, extra_body=TRUNCATED).data
    for one, example in zip(coarse, expected, strict=True):
        likeness = sum(a * b for a, b in zip(one.embedding, vector(example["vector"]), strict=True))
        assert 0.999 < likeness < 1 - 1e-6, example["text"][:50]


def test_a_text_has_the_same_vector_alone(client, expected):
    texts = [example["text"] for example in expected[:4]]
    together = client.embeddings.create(model=MODEL, input=texts).data
    for text, one in zip(texts, together, strict=True):
        assert client.embeddings.create(model=MODEL, input=text).data[0].embedding == one.embedding


def test_fewer_dimensions_have_length_one(client):
    whole = client.embeddings.create(model=MODEL, input="Show all users").data[0].embedding
    some = client.embeddings.create(model=MODEL, input="Show all users", dimensions=64).data[0].embedding
    length = math.sqrt(sum(number * number for number in whole[:64]))
    assert far(some, [number / length for number in whole[:64]]) < 1e-6


def test_texts_that_mean_the_same_lie_close_together(client):
    texts = ["How many customers are there?", "Count all clients.", "It rained in Rome yesterday."]
    near, same, other = (one.embedding for one in client.embeddings.create(model=MODEL, input=texts).data)
    likeness = lambda one, other: sum(a * b for a, b in zip(one, other, strict=True))
    assert likeness(near, same) > likeness(near, other) + 0.3


def test_what_cannot_be_embedded_is_refused(client):
    for request, parameter in [
        ({"input": "word " * 600}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": [30522]}, "input"),
        ({"input": "a", "dimensions": 385}, "dimensions"),
        ({"input": "a", "model": "demo"}, "model"),
    ]:
        with pytest.raises(openai.BadRequestError) as refusal:
            client.embeddings.create(**({"model": MODEL} | request))
        assert refusal.value.param == parameter
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="absent", input="a")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])


def test_the_encoder_is_listed_beside_the_others(client):
    assert {"demo", MODEL} <= {model.id for model in client.models.list()}
