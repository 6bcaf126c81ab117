"""When the database does not answer."""

import time
import urllib.parse

from conftest import Place, Proxy, Server, wait_until


def behind_a_proxy(place):
    """The same database by another way."""
    url = urllib.parse.urlsplit(place.settings["LLM_DATABASE_URL"])
    proxy = Proxy((url.hostname, url.port or 5432))
    user = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
    other = url._replace(netloc=f"{user}127.0.0.1:{proxy.server_address[1]}").geturl()
    return proxy, Place(place.directory, {"LLM_DATABASE_URL": other})


def refuses_within_seconds(server, key):
    started = time.monotonic()
    refused = server.chat(key)
    return refused.status, refused.headers["retry-after"] is not None, time.monotonic() - started < 6


def test_known_keys_open_and_unknown_ones_are_503_while_the_database_is_silent(postgres, started):
    known, unknown = postgres.key(), postgres.key()
    proxy, way = behind_a_proxy(postgres)
    server = started(Server(way))
    assert server.chat(known).status == 200
    proxy.forwards.clear()
    assert refuses_within_seconds(server, unknown) == (503, True, True)
    assert server.chat(known).status == 200
    wait_until(lambda: server.get("/health/ready").json()["status"] == "accounts_unavailable", "readiness to say so")
    # Known keys are answered.
    assert server.get("/health/ready").status == 200
    assert server.get("/health/live").status == server.get("/health").status == 200
    proxy.forwards.set()
    wait_until(lambda: server.get("/health/ready").json()["status"] == "ready", "the database's return")
    assert server.chat(unknown).status == 200


def test_a_database_that_is_gone_is_no_reason_to_hang_and_none_to_call_a_key_wrong(postgres, started):
    known, unknown = postgres.key(), postgres.key()
    proxy, way = behind_a_proxy(postgres)
    server = started(Server(way))
    assert server.chat(known).status == 200
    proxy.refuse()
    assert refuses_within_seconds(server, unknown) == (503, True, True)
    assert server.chat(known).status == 200
    assert server.chat("not-of-our-form").status == 401
    started_to_stop = time.monotonic()
    assert server.stop() == 0
    # It tries for some seconds to write the last counts; a machine that is busy elsewhere makes more of them.
    assert time.monotonic() - started_to_stop < 60
