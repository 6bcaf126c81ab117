"""What is refused, and how."""

import openai
import pytest


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model_is_not_found_before_any_stream(chat, model, stream):
    with pytest.raises(openai.NotFoundError) as refused:
        chat(model="no-such-model", stream=stream)
    assert refused.value.code == "model_not_found"
    assert model in refused.value.message, "the answer names the models there are"


@pytest.mark.parametrize("stream", [False, True])
def test_a_temperature_out_of_range_is_refused(chat, stream):
    with pytest.raises(openai.BadRequestError) as refused:
        chat(temperature=3, stream=stream)
    assert refused.value.param == "temperature"


def test_no_messages_are_refused(client, model):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=model, messages=[])


def test_too_long_a_prompt_is_refused_with_the_numbers(chat):
    with pytest.raises(openai.BadRequestError) as refused:
        chat("many words " * 20_000)
    assert refused.value.code == "context_length_exceeded"


def test_an_unsupported_parameter_is_refused(chat):
    with pytest.raises(openai.BadRequestError):
        chat(extra_body={"no_such_parameter": 1})


def test_every_answer_names_its_request(client, model):
    asked = client.chat.completions.with_raw_response
    answer = asked.create(model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=1,
                          extra_headers={"x-request-id": "one-of-mine"})
    assert answer.headers["x-request-id"] == "one-of-mine"
    answer.parse()
