"""What holds for one address and one key."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

from conftest import CHAT, QUESTION, Server, wait_until

MODELS = "/v1/models"


def statuses(server, count, key=None, **headers):
    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(lambda _: server.get(MODELS, key=key, **headers).status, range(count)))


def test_with_the_first_key_the_limits_of_the_contract_are_in_force(sqlite, started):
    server = started(Server(sqlite, LLM_LIMIT_IP_REQUESTS_PER_SECOND=""))
    assert statuses(server, 150) == [200] * 150, "nobody is limited where everybody is let in"
    assert "x-ratelimit-limit-requests" not in server.chat().headers
    key = sqlite.key()
    wait_until(lambda: server.get(MODELS).status != 200, "the server's closing")
    time.sleep(2.5)  # All of the allowance is there again.
    asked, started_at = statuses(server, 250, key), time.monotonic()
    assert 100 <= asked.count(200) < 250 and set(asked) == {200, 429}
    refused = server.get(MODELS, key="wrong")
    while refused.status == 401 and time.monotonic() - started_at < 5:
        refused = server.get(MODELS, key="wrong")
    assert (refused.status, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded"), "the address comes before the key"
    assert int(refused.headers["retry-after"]) >= 1
    answer = wait_until(lambda: (answer := server.chat(key)).status == 200 and answer, "the allowance")
    limits = [answer.headers[f"x-ratelimit-limit-{what}"] for what in ("requests", "tokens")]
    assert limits == ["100000", "10000000"]


def test_an_address_is_believed_of_trusted_proxies_alone_and_read_from_the_right(sqlite, started):
    key = sqlite.key()
    once = {"LLM_LIMIT_IP_REQUESTS_PER_SECOND": "1", "LLM_LIMIT_IP_BURST": "1"}
    believing = started(Server(sqlite, TRUSTED_PROXIES="127.0.0.1/32,10.0.0.0/8", **once))

    def ask(forwarded):
        return believing.get(MODELS, key=key, **{"x-forwarded-for": forwarded}).status

    assert [ask("192.0.2.1"), ask("192.0.2.2")] == [200, 200]
    assert [ask("198.51.100.1, 192.0.2.3, 10.1.2.3"), ask("198.51.100.2, 192.0.2.3, 10.1.2.3")] == [200, 429]
    wary = started(Server(sqlite, **once))
    seen = [wary.get(MODELS, key=key, **{"x-forwarded-for": f"192.0.2.{n}"}).status for n in range(3)]
    assert 429 in seen, "anybody could have written it"


def test_a_key_has_limits_of_its_own_by_the_minute(place, started):
    few, short, other = (place.key("acme", *more) for more in (("--requests-per-minute", "2"), ("--tokens-per-minute", "60"), ()))
    server = started(Server(place))
    wait_until(lambda: time.time() % 60 < 50, "time left of the minute")
    answers = [server.chat(few) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2" and answers[1].left("requests") == 0
    assert answers[2].json()["error"]["code"] == "rate_limit_exceeded" and int(answers[2].headers["retry-after"]) <= 60
    assert "x-should-retry" not in answers[2].headers
    assert server.chat(short, 30).status == 200
    assert server.chat(short, 30).status == 429, "tokens of the first are spent"
    assert server.chat(short, 100).status == 400, "it would never fit"
    assert server.chat(other).status == 200, "other keys of the organisation are not held to that"


def test_a_key_may_ask_its_models_until_it_expires_and_by_header_alone(sqlite, started):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 8))
    key, elsewhere = sqlite.key("acme", "--expires", soon), sqlite.key("acme", "--models", "another")
    server = started(Server(sqlite))
    assert server.chat(key).status == 200
    assert server.get(MODELS, **{"x-api-key": key}).status == 200
    for path in (f"{MODELS}?api_key={key}", f"{MODELS}?key={key}"):
        assert server.get(path).status == 401, "an address ends up in logs"
    assert server.chat(elsewhere).status == 403 and server.get(MODELS, key=elsewhere).json()["data"] == []
    wait_until(lambda: server.chat(key).status == 401, "the key's end")
    database = b"".join(file.read_bytes() for file in (sqlite.directory / "data").iterdir())
    secret = key.split("-")[2]
    assert secret.encode() not in database and secret not in server.log.read_text()


def test_who_is_not_let_in_costs_no_organisation_anything(sqlite, started):
    key = sqlite.key()
    sqlite.limit(requests_per_day=5)
    server = started(Server(sqlite))
    assert {server.chat(wrong).status for wrong in (None, "wrong", key[:-4] + "0000")} <= {401}
    assert server.chat(key).left("requests") == 4


def test_what_a_killed_server_had_set_aside_comes_back_when_its_time_is_over(sqlite, started):
    key = sqlite.key()
    sqlite.limit(tokens_per_day=16_000, tokens_per_month="none")
    server = started(Server(sqlite))
    body = {"model": "demo", "messages": QUESTION, "max_tokens": 900, "n": 16, "ignore_eos": True, "stream": True}
    with server.open(CHAT, body, key) as answer:
        answer.readline()
        held = "SELECT * FROM leases WHERE reserved > 0"
        wait_until(lambda: rows(sqlite, held), "a report")
        server.process.kill()
        server.process.wait()
    server = started(Server(sqlite))
    refused = server.chat(key, 900, n=2)
    assert (refused.status, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert "set aside" in refused.text and int(refused.headers["retry-after"]) <= 5
    # Twelve minutes later.
    rows(sqlite, "UPDATE leases SET expires = expires - 720000 WHERE reserved > 0")
    answer = server.chat(key, 900, n=2)
    assert answer.status == 200 and answer.left() < 16_000 - 1_800, "what it had produced is paid"


def rows(place, statement):
    with sqlite3.connect(place.directory / "data/accounts.db", timeout=10) as database:
        return database.execute(statement).fetchall()
