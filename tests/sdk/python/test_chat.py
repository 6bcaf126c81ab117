"""POST /v1/chat/completions, whole and streamed."""


def text_of(answer):
    return answer.choices[0].message.content


def gathered(stream):
    """(text, finish reason, chunks) of a streamed answer with one choice."""
    chunks = list(stream)
    deltas = [choice for chunk in chunks for choice in chunk.choices]
    text = "".join(choice.delta.content or "" for choice in deltas)
    reasons = [choice.finish_reason for choice in deltas if choice.finish_reason]
    assert len(reasons) == 1
    return text, reasons[0], chunks


def test_a_chat_is_answered(chat, model):
    answer = chat()
    assert answer.object == "chat.completion"
    assert answer.model == model
    assert answer.choices[0].message.role == "assistant"
    assert text_of(answer).strip()
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_carries_the_same_answer(chat):
    whole = chat()
    text, reason, chunks = gathered(chat(stream=True))
    assert text == text_of(whole)
    assert reason == whole.choices[0].finish_reason
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_can_end_with_its_usage(chat):
    whole = chat()
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_max_tokens_bounds_the_answer(chat):
    answer = chat(max_tokens=3)
    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].finish_reason == "length"


def test_n_gives_so_many_answers(chat):
    answer = chat(n=2, temperature=1, seed=5)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.message.content is not None for choice in answer.choices)
    both = [choice for chunk in chat(n=2, stream=True) for choice in chunk.choices]
    assert {choice.index for choice in both} == {0, 1}
    assert sorted(choice.index for choice in both if choice.finish_reason) == [0, 1]


def test_a_stop_string_ends_the_answer_and_is_not_in_it(chat):
    whole = text_of(chat())
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    stopped = chat(stop=stop)
    assert stopped.choices[0].finish_reason == "stop"
    assert text_of(stopped) == whole[: whole.index(stop)]
    streamed, reason, _ = gathered(chat(stop=[stop], stream=True))
    assert (streamed, reason) == (text_of(stopped), "stop")


def test_a_seed_repeats_an_answer(chat):
    # As hot as it gets, so that chance has a say even where the model is sure.
    answers = {text_of(chat(temperature=2, top_p=1, seed=42)) for _ in range(3)}
    assert len(answers) == 1
    others = {text_of(chat(temperature=2, top_p=1, seed=seed)) for seed in range(8)}
    assert len(others) > 1


def test_logprobs_come_with_their_alternatives(chat):
    answer = chat(logprobs=True, top_logprobs=3, max_tokens=8)
    entries = answer.choices[0].logprobs.content
    assert len(entries) == answer.usage.completion_tokens
    for entry in entries:
        assert entry.logprob <= 0
        assert len(entry.top_logprobs) == 3
        likeliest = max(entry.top_logprobs, key=lambda top: top.logprob)
        assert likeliest.token == entry.token, "greedy takes the likeliest"
        assert likeliest.logprob == entry.logprob
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == text_of(answer)
    streamed = [choice.logprobs for chunk in chat(logprobs=True, top_logprobs=3, max_tokens=8, stream=True) for choice in chunk.choices]
    found = [entry for logprobs in streamed if logprobs for entry in logprobs.content or []]
    assert [entry.token for entry in found] == [entry.token for entry in entries]


def test_many_at_once_are_answered_as_one_alone(client, chat, model):
    from concurrent.futures import ThreadPoolExecutor

    questions = [f"Show the top {count} products by price" for count in range(2, 10)]
    alone = [text_of(chat(question)) for question in questions]
    with ThreadPoolExecutor(len(questions)) as pool:
        together = list(pool.map(lambda question: text_of(chat(question)), questions))
    assert together == alone
