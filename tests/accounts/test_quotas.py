"""How much is let through."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import CHAT, QUESTION, Server, wait_until

QUOTA = 3000


def streams(servers, key, count=200):
    """What each of so many streams used, of which a quota allows only a part."""
    with ThreadPoolExecutor(count) as threads:
        asked = [threads.submit(servers[index % len(servers)].stream, key, 10 + index % 40) for index in range(count)]
        return [stream.result() for stream in asked]


@pytest.mark.parametrize(("database", "replicas"), [("sqlite", 1), ("postgres", 3)])
def test_two_hundred_streams_never_exceed_a_quota(request, started, database, replicas):
    place = request.getfixturevalue(database)
    key = place.key()
    place.limit(tokens_per_day=QUOTA)
    servers = [started(Server(place)) for _ in range(replicas)]
    used = streams(servers, key)
    assert None not in used and used.count(0) > 0
    assert QUOTA / 2 < sum(used) <= QUOTA
    for server in servers:
        assert server.stop() == 0
    [row] = place.usage("org")
    assert row["prompt_tokens"] + row["completion_tokens"] == sum(used)
    assert row["requests"] == len([tokens for tokens in used if tokens])
    # Another start finds what was counted, and gives out the rest and no more.
    server = started(Server(place))
    while tokens := server.stream(key, 1):
        used.append(tokens)
    assert QUOTA - 60 < sum(used) <= QUOTA


def test_after_kill_9_the_keys_are_there_and_counts_are_a_second_behind_at_most(place, started):
    quota = 1_000_000
    key = place.key()
    place.limit(tokens_per_day=quota)
    server = started(Server(place))
    ended = []

    def ask(_):
        while (tokens := server.stream(key, 20)) is not None:
            ended.append((time.monotonic(), tokens))

    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(ask, index) for index in range(8)]
        wait_until(lambda: ended and time.monotonic() - ended[0][0] > 2, "two seconds of load")
        killed = time.monotonic()
        server.process.kill()
        [stream.result() for stream in asking]
    counted = sum(tokens for at, tokens in ended if at < killed - 1)
    assert counted > 0
    server = started(Server(place))
    answer = server.chat(key, 1)
    assert answer.status == 200 and answer.left() <= quota - counted
    [row] = place.usage("org")
    assert row["prompt_tokens"] + row["completion_tokens"] >= counted


def test_a_stream_that_is_left_costs_what_was_produced(sqlite, started):
    key = sqlite.key()
    sqlite.limit(tokens_per_day=QUOTA)
    server = started(Server(sqlite))
    body = {"model": "demo", "messages": QUESTION, "max_tokens": 240, "ignore_eos": True, "stream": True}
    before = server.chat(key, 1).left()
    with server.open(CHAT, body, key) as answer:
        assert int(answer.headers["x-ratelimit-remaining-tokens"]) < before - 240
        answer.readline()
    # The question, this one and that one, and what had been produced when it was left.
    left = wait_until(lambda: (left := server.chat(key, 1).left()) > before - 240 and left, "the settlement")
    assert left < before - 12


def test_a_request_that_never_fits_is_told_so(sqlite, started):
    key = sqlite.key()
    sqlite.limit(tokens_per_day=100)
    server = started(Server(sqlite))
    refused = server.chat(key, 200)
    assert (refused.status, refused.json()["error"]["param"]) == (400, "max_tokens")
    sqlite.limit(tokens_per_day=0)
    refused = wait_until(lambda: (answer := server.chat(key)).status == 429 and answer, "the new limit")
    assert (refused.json()["error"]["code"], refused.headers["x-should-retry"]) == ("insufficient_quota", "false")


def test_in_shadow_nobody_is_refused_and_it_is_counted(sqlite, started):
    key = sqlite.key()
    sqlite.limit(requests_per_day=1)
    server = started(Server(sqlite, LLM_LIMITS_SHADOW="true"))
    assert [server.chat(key).status for _ in range(3)] == [200, 200, 200]
    refusals = 'llm_quota_refusals_total{organization="acme",reason="insufficient_quota",shadow="true"} 2'
    assert refusals in server.get("/metrics").text


def test_a_batch_is_one_request(sqlite, started):
    key = sqlite.key()
    server = started(Server(sqlite))
    answer = server.get("/predict/batch", {"prompts": ["a", "b", "c"], "max_length": 4}, key)
    assert (answer.status, answer.left("requests")) == (200, 99_999)
