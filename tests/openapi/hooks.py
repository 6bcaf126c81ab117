"""Makes requests of chance quick, most of them such that a model answers, and some such that it streams: what is wrong in them
stays wrong. And looks into the streams."""

import json
import zlib

import jsonschema_rs
import schemathesis

MODEL = "demo"
# Few tokens tell as much about an answer's shape as many.
MOST_TOKENS = 8
LENGTHS = ("max_tokens", "max_completion_tokens", "max_length")


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict):
        # Chance names no model that there is. One in eight is left as it is, to be refused.
        named = case.body.get("model")
        if isinstance(named, str) and case.path != "/infer" and share(named) % 8:
            case.body["model"] = MODEL
        if case.body.get("stream") is None and may_stream(case) and share(case.body) % 4 == 0:
            case.body["stream"] = True
        shorten(case.body)
        requests = case.body.get("requests")
        for request in requests if isinstance(requests, list) else []:
            if isinstance(request, dict):
                shorten(request)


def share(value):
    """A number that is the same whenever the value is."""
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def may_stream(case):
    return "text/event-stream" in case.operation.definition.raw["responses"].get("200", {}).get("content", {})


def shorten(body):
    for name in LENGTHS:
        if type(body.get(name)) is int and body[name] > MOST_TOKENS:
            body[name] = 1 + body[name] % MOST_TOKENS
    if type(body.get("n")) is int and 4 < body["n"] <= 128:
        body["n"] = 1 + body["n"] % 4


@schemathesis.check
def events_are_documented(context, response, case):
    """The data of each event is of the shape that the document gives it. How a stream ends is for other tests: not all of it is read."""
    if not response.headers.get("content-type", [""])[0].startswith("text/event-stream"):
        return
    print(f"a stream of {case.path}")
    document = case.operation.schema.raw_schema
    content = document["paths"][case.path]["post"]["responses"]["200"]["content"]
    event = document["components"]["schemas"][content["text/event-stream"]["schema"]["$ref"].rsplit("/", 1)[1]]
    end, piece = event["properties"]["data"]["oneOf"]
    validator = jsonschema_rs.Draft202012Validator({**piece["contentSchema"], "components": document["components"]})
    for line in response.text.splitlines():
        data = line.removeprefix("data: ")
        if line.startswith("data: ") and data not in end["enum"]:
            for error in validator.iter_errors(json.loads(data)):
                raise AssertionError(f"{case.path}: {error.message}: {line}")
