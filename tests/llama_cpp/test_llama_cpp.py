"""What clients of the gateway see of a llama.cpp behind it."""

import json
import re

import pytest

from conftest import CHAT, COMPLETIONS, ENDLESS, PATIENCE, Gateway, Llama, Reader, wait_until

# The model is sure of each token of its answers, so that no rounding makes it say another.
QUESTIONS = [
    "Show all users who registered in the last 30 days",
    "Get top 10 customers by revenue",
    "How many orders are there for each product?",
    "List all users where the age is above the average",
    "How do I stream?",
    "Tell me a story",
]


def said(answer):
    """The text of an answer, and what it cost."""
    assert answer.status == 200, answer.text
    answer = answer.json()
    [choice], usage = answer["choices"], answer["usage"]
    return choice["message"]["content"] if "message" in choice else choice["text"], usage["prompt_tokens"], usage["completion_tokens"]


def alike(stream):
    """A stream without what is another in each answer."""
    stream = re.sub(r'"(id|model)":"[^"]*"', r'"\1":""', stream)
    return re.sub(r":[\d.e+-]+(?=[,}])", ":0", stream)


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_an_answer_in_one_piece_is_llama_cpps_under_our_name_and_is_paid_for(llama, gateway, path):
    answer = gateway.ask(path, QUESTIONS[0])
    assert answer.json()["model"] == "ours"
    text, read, made = said(answer)
    assert (text, read, made) == said(llama.ask(path, QUESTIONS[0]))
    wait_until(lambda: gateway.used() == [(1, read, made)], "the settlement")


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_a_stream_passes_byte_for_byte_with_what_only_llama_cpp_knows(llama, gateway, path):
    # Its grammar and its timings are no part of OpenAI's API.
    fields = {"stream": True, "grammar": 'root ::= "yes" | "no"', "timings_per_token": True}
    with_usage = fields | {"stream_options": {"include_usage": True}}
    stream = gateway.ask(path, QUESTIONS[0], **with_usage).text
    assert alike(stream) == alike(llama.ask(path, QUESTIONS[0], **with_usage).text)
    assert '"timings":{' in stream and '"model":"ours"' in stream
    unasked = gateway.ask(path, QUESTIONS[0], **fields).text
    assert '"usage"' not in unasked
    for text in (stream, unasked):
        assert text.endswith("\n\ndata: [DONE]\n\n")
    # Who does not ask what it cost pays all the same.
    usage = json.loads(stream.split("data: ")[-2])["usage"]
    paid = (2, 2 * usage["prompt_tokens"], 2 * usage["completion_tokens"])
    wait_until(lambda: gateway.used() == [paid], "the settlement")


def test_the_engine_of_this_program_says_the_same(gateway):
    for question in QUESTIONS:
        assert said(gateway.ask(CHAT, question)) == said(gateway.ask(CHAT, question, model="demo"))


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long_for_it_is_an_error_in_our_form(gateway, stream):
    refused = gateway.ask(CHAT, "word " * 3000, stream=stream)
    error = refused.json()["error"]
    assert (refused.status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
    assert set(error) == {"message", "type", "param", "code"} and "2048" in error["message"]


def test_a_key_that_it_refuses_is_not_the_clients_fault(tmp_path, llama, started):
    gateway = started(Gateway(tmp_path, llama, upstream_key="another-key"))
    refused = gateway.ask(CHAT, QUESTIONS[0])
    assert (refused.status, refused.json()["error"]["code"]) == (502, "upstream_error")
    assert "another-key" not in refused.text


@pytest.mark.parametrize("stream", [False, True])
def test_each_of_several_answers_is_paid_for(llama, gateway, stream):
    """llama.cpp tells what the first one cost, or each of a stream."""
    _, read, made = said(llama.ask(CHAT, QUESTIONS[0]))
    answer = gateway.ask(CHAT, QUESTIONS[0], n=4, stream=stream)
    assert answer.status == 200, answer.text
    wait_until(lambda: gateway.used() == [(1, read, 4 * made)], "the settlement")


def test_answers_to_several_prompts_come_as_a_stream(gateway, llama):
    prompts = QUESTIONS[:2]
    parts = [said(llama.ask(COMPLETIONS, prompt)) for prompt in prompts]
    stream = gateway.ask(COMPLETIONS, prompts, stream=True).text
    chunks = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    texts = ["".join(choice["text"] for choice in choices if choice["index"] == index) for index in range(2)]
    assert (texts, stream[-14:]) == ([text for text, _, _ in parts], "data: [DONE]\n\n")
    cost = (1, sum(read for _, read, _ in parts), sum(made for _, _, made in parts))
    wait_until(lambda: gateway.used() == [cost], "the settlement")


def test_how_much_it_takes_is_known(gateway):
    """It says so where vLLM does not, and has another name for the model."""

    def length():
        return {model["id"]: model["max_model_len"] for model in gateway.get("/v1/models").json()["data"]}["ours"]

    wait_until(lambda: length() == 2048, "the look at llama.cpp's models")


def test_a_stream_that_is_left_ends_there_and_costs_what_was_made(llama, gateway):
    with gateway.endless() as stream:
        stream.readline()
        assert llama.busy() == 1
    wait_until(lambda: llama.busy() == 0, "the end of what nobody reads")
    [(requests, _, made)] = wait_until(gateway.used, "the settlement")
    assert requests == 1 and 0 < made < ENDLESS


def test_one_of_two_is_killed_and_the_other_takes_over(tmp_path, started):
    killed, other = llamas = [started(Llama(tmp_path)) for _ in range(2)]
    gateway = started(Gateway(tmp_path, *llamas))
    readers = [Reader(gateway.endless()) for _ in range(4)]
    wait_until(lambda: [llama.busy() for llama in llamas] == [2, 2], "four streams")
    killed.process.kill()
    for reader in readers[::2]:
        reader.join(PATIENCE)
        # Not as a stream ends that is whole.
        assert '"code":"upstream_error"' in reader.last
    for _ in range(8):
        assert gateway.ask(CHAT, QUESTIONS[0]).status == 200
    urls = {llama.url for llama in llamas}
    wait_until(lambda: urls & set(gateway.get("/health").json()["backends"]["chat"]) == {other.url}, "the page of health")
    for reader in readers[1::2]:
        before = reader.taken
        wait_until(lambda: reader.taken > before, "the other's stream")
    assert other.busy() == 2
    for reader in readers[1::2]:
        reader.leave()
    wait_until(lambda: other.busy() == 0, "the end of what nobody reads")
