"""Who is let in."""

import hashlib
import json
import subprocess

from conftest import CHAT, PATIENCE, QUESTION, SERVER, Server, wait_until


def test_a_server_without_keys_is_open_and_leaves_nothing_behind(sqlite, started):
    server = started(Server(sqlite))
    assert server.chat().status == server.chat("any-key").status == 200
    assert not (sqlite.directory / "data").exists()


def test_a_server_that_needs_a_key_does_not_start_without_one(place, started):
    needs_one = {"LLM_ACCOUNTS_REQUIRED": "true"}
    told = place.refuses_to_start(**needs_one)
    assert "LLM_ACCOUNTS_REQUIRED is true, and no key is configured" in told and "keys create" in told, told
    key = place.key()
    server = started(Server(place, **needs_one))
    assert (server.chat().status, server.chat(key).status) == (401, 200)
    elsewhere = place.refuses_to_start(LLM_DATA_DIR=str(place.directory / "elsewhere"), LLM_DATABASE_URL="", **needs_one)
    assert str(place.directory / "elsewhere/accounts.db") in elsewhere, elsewhere


def test_a_server_that_is_open_to_others_says_so(sqlite, started):
    for host, level in [("127.0.0.1", "INFO"), ("0.0.0.0", "WARN")]:
        server = started(Server(sqlite, LLM_INFERENCE_HOSTNAME=host))
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        [told] = [line for line in lines if "no key is configured" in line["message"]]
        assert told["level"] == level and ("keys create" in told["message"]) == (level == "WARN"), told
        server.stop()


def test_the_first_key_closes_a_running_server(place, started):
    server = started(Server(place))
    key = place.key()
    wait_until(lambda: server.chat().status == 401, "the server's closing")
    assert server.chat(key).status == 200
    assert server.get("/health").status == server.get("/metrics").status == 200
    wrong = key[:-1] + ("1" if key.endswith("0") else "0")
    assert server.chat(wrong).json() == server.chat().json()


def test_a_revoked_key_opens_nothing_within_seconds_and_a_rotated_one_its_successor(place, started):
    first, second = place.key(), place.key()
    server = started(Server(place))
    assert server.chat(first).status == server.chat(second).status == 200
    place.run("keys", "revoke", first.split("-")[1])
    successor = place.run("keys", "rotate", second.split("-")[1])
    wait_until(lambda: {server.chat(first).status, server.chat(second).status} == {401}, "the end of the keys")
    assert server.chat(successor).status == 200
    states = [line.split()[-1] for line in place.run("keys", "list").splitlines()[1:]]
    assert sorted(states) == ["expired", "revoked", "valid"]


def test_what_the_settings_say_of_keys_and_limits_holds(sqlite, started):
    digest = hashlib.sha256(b"of-the-file").hexdigest()
    config = sqlite.directory / "serving_config.yaml"
    config.write_text(f"""
limits: {{organization: {{tokens_per_day: 1000, requests_per_day: none}}}}
organizations:
  - id: acme
    limits: {{requests_per_day: 2}}
    keys:
      - {{name: ci, sha256: "{digest}", role: user, models: ["*"]}}
      - {{name: old, sha256: "{hashlib.sha256(b'old').hexdigest()}", expires: 2020-01-01T00:00:00Z}}
      - {{name: other, sha256: "{hashlib.sha256(b'other').hexdigest()}", models: [another]}}
""")
    keys = sqlite.directory / "keys"
    keys.write_text("in-a-file-of-ours organization=small requests_per_minute=1\n")
    server = started(Server(sqlite, API_KEY="of-the-owner", LLM_API_KEYS_FILE=str(keys)))
    assert [server.chat(key).status for key in (None, "old", "other", "of-the-owner")] == [401, 401, 403, 200]
    answer = server.chat("of-the-file")
    assert (answer.status, answer.headers["x-ratelimit-limit-tokens"], answer.left("requests")) == (200, "1000", 1)
    assert server.get("/v1/models", key="other").json()["data"] == []
    adapters = "/v1/lora_adapters"
    assert [server.get(adapters, key=key).status for key in ("of-the-file", "of-the-owner")] == [403, 200]
    assert [server.chat("of-the-file").status for _ in range(2)] == [200, 429]
    assert sqlite.directory.joinpath("data/accounts.db").exists()
    for secret in ("of-the-file", "of-the-owner", "in-a-file-of-ours"):
        assert secret not in server.log.read_text()


def test_a_wrong_key_is_told_in_the_words_of_its_surface(sqlite, started):
    sqlite.key()
    server = started(Server(sqlite))
    chat = {"model": "demo", "messages": QUESTION}
    for path, body in [(CHAT, chat), ("/text2sql", {"messages": QUESTION}), ("/v1/classify", {"model": "demo", "input": "a"})]:
        refused = server.get(path, body, "wrong")
        assert (refused.status, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    for path, body in [("/api/chat", chat), ("/predict", {"prompt": "a"}), ("/infer", {"model": "a/b"}), ("/nothing", {})]:
        refused = server.get(path, body, "wrong")
        assert (refused.status, refused.json()["error"], refused.headers["www-authenticate"]) == (401, "unauthorized", "Bearer")


def test_a_key_that_could_open_nothing_is_not_made(sqlite):
    assert "expected a name" in sqlite.refuses("keys", "create", "--org", "")
    assert "expected a name" in sqlite.refuses("orgs", "set-limits", " ", "--tokens-per-day", "1")
    assert "is over" in sqlite.refuses("keys", "create", "--org", "acme", "--expires", "2020-01-01T00:00:00Z")
    assert not (sqlite.directory / "data").exists()


def test_a_key_for_a_model_that_nobody_knows_is_made_with_a_warning(sqlite):
    command = [SERVER, "keys", "create", "--org", "acme", "--models", "demo,demoo"]
    done = subprocess.run(command, cwd=sqlite.directory, env=sqlite.settings, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and done.stdout.startswith("llm-")
    [warning] = [line for line in done.stderr.splitlines() if line.startswith("warning")]
    assert '"demoo"' in warning and warning.endswith("they know: demo")


def test_a_database_that_can_only_be_read_is_called_that(sqlite):
    sqlite.key()
    url = f"sqlite://{sqlite.directory / 'data/accounts.db'}?mode=ro"
    assert "it can only be read" in sqlite.refuses_to_start(LLM_DATABASE_URL=url)
