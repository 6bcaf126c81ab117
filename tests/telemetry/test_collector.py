"""What a real collector gets, and what happens where there is none."""

import socket
import time

import pytest

from conftest import CHAT, Collector, Server, free_port, wait_until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRETS = ["SECRET-prompt", "SECRET-key", "SECRET-query"]
METRICS = [
    "http.server.request.duration",
    "gen_ai.server.time_to_first_token",
    "gen_ai.server.time_per_output_token",
    "gen_ai.server.request.duration",
    "gen_ai.client.token.usage",
]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_chat_and_a_stream_arrive(started, tmp_path, protocol):
    grpc, http = free_port(), free_port()
    collector = started(Collector(tmp_path, grpc, http))
    endpoint = f"http://127.0.0.1:{grpc if protocol == 'grpc' else http}"
    server = started(Server(
        tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        SERVICE_NAME="its-name",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
        LOG_LEVEL="trace",
    ))
    caller = {"traceparent": f"00-{TRACE}-{CALLER}-01", "authorization": "Bearer SECRET-key", "x-request-id": "its-id"}
    answer, _ = server.chat("SECRET-prompt", headers=caller)
    server.chat(stream=True)
    server.get("/v1/models?q=SECRET-query")
    # What is left is sent before the end.
    assert server.stop() == 0, server.text()
    spans = wait_until(lambda: len(collector.spans()) >= 5 and collector.spans(), "the spans' arrival")
    wait_until(lambda: set(METRICS) <= set(collector.metrics()), "the metrics' arrival")

    [request] = [span for span in spans if span["Trace ID"] == TRACE and span["Kind"] == "SPAN_KIND_SERVER"]
    assert request["Parent ID"] == CALLER
    assert request["Name"] == f"POST {CHAT}"
    assert (request["http.route"], request["http.response.status_code"]) == (CHAT, "200")
    assert answer["traceresponse"] == f"00-{TRACE}-{request['ID']}-01"
    [generation] = [span for span in spans if span["Trace ID"] == TRACE and span["Kind"] == "SPAN_KIND_INTERNAL"]
    assert generation["Parent ID"] == request["ID"]
    assert generation["gen_ai.operation.name"] == "chat"
    assert generation["gen_ai.request.max_tokens"] == "16"
    assert int(generation["gen_ai.usage.input_tokens"]) > 0
    assert 0 < int(generation["gen_ai.usage.output_tokens"]) <= 16
    assert generation["gen_ai.response.finish_reasons"] in ("Str(stop)", "Str(length)")
    assert generation["events"] == ["admitted", "first token"]
    # The stream had no caller: its trace is its own.
    streams = [span for span in spans if span.get("http.route") == CHAT and span["Trace ID"] != TRACE]
    assert len(streams) == 1 and streams[0]["Parent ID"] == ""

    text = collector.text()
    assert "service.name: Str(its-name)" in text and "deployment.environment.name: Str(test)" in text
    durations = collector.metrics()["gen_ai.server.request.duration"]
    assert "Count: 2" in durations and "ExplicitBounds #0: 0.01" in durations
    [line] = [line for line in server.lines() if line.get("request_id") == "its-id"]
    assert (line["trace_id"], line["http.response.status_code"]) == (TRACE, 200)
    assert not any(secret in text + server.text() for secret in SECRETS)
    assert not server.warnings()


def test_a_collector_that_is_away_is_one_warning_and_its_return_one_line(started, tmp_path):
    grpc, http = free_port(), free_port()
    server = started(Server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{grpc}"))
    server.chat()
    [warning] = wait_until(server.warnings, "the warning")
    assert str(grpc) in warning["endpoint"] and "OTEL_SDK_DISABLED" in warning["message"]
    collector = started(Collector(tmp_path, grpc, http))
    server.chat()
    wait_until(lambda: any("again" in line["message"] for line in server.lines()), "the collector's return")
    collector.stop()
    assert len(server.warnings()) == 1


def test_a_collector_that_never_answers_holds_nothing_up(started, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = started(Server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}"))
        for _ in range(20):
            server.chat(max_tokens=1)
        start = time.monotonic()
        assert server.stop() == 0, server.text()
        # A batch may take 10 s, but its end waits for 2.
        assert time.monotonic() - start < 8


def test_nothing_is_sent_or_said_where_it_is_switched_off(started, tmp_path):
    server = started(Server(tmp_path, OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"))
    answer, _ = server.chat()
    assert "traceresponse" not in answer
    assert server.stop() == 0 and not server.warnings()
