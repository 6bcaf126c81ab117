"""POST /v1/completions."""


def test_a_text_is_continued(client, model):
    answer = client.completions.create(model=model, prompt="SELECT", max_tokens=8, temperature=0)
    assert answer.object == "text_completion"
    assert answer.usage.completion_tokens <= 8
    streamed = client.completions.create(model=model, prompt="SELECT", max_tokens=8, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == answer.choices[0].text


def test_the_prompt_is_echoed_with_its_logprobs(client, model):
    prompt = "SELECT name FROM customers"
    # The token that ends a text counts as generated and has no text: here there is none.
    options = {"max_tokens": 4, "temperature": 0, "extra_body": {"ignore_eos": True}}
    answer = client.completions.create(model=model, prompt=prompt, echo=True, logprobs=2, **options)
    choice = answer.choices[0]
    assert choice.text.startswith(prompt)
    logprobs = choice.logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == len(logprobs.text_offset)
    assert len(logprobs.tokens) == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert logprobs.token_logprobs[0] is None, "nothing precedes the first token"
    assert all(logprob <= 0 for logprob in logprobs.token_logprobs[1:])
    assert logprobs.text_offset == sorted(logprobs.text_offset)


def test_a_prompt_can_be_scored_without_an_answer(client, model):
    answer = client.completions.create(model=model, prompt="SELECT 1", max_tokens=0, temperature=0, echo=True, logprobs=1)
    assert answer.choices[0].text == "SELECT 1"
    assert answer.usage.completion_tokens == 0


def test_several_prompts_are_answered_in_order(client, model):
    prompts = ["SELECT", "SELECT name"]
    answer = client.completions.create(model=model, prompt=prompts, max_tokens=4, temperature=0, echo=True)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.text.startswith(prompt) for choice, prompt in zip(answer.choices, prompts))
