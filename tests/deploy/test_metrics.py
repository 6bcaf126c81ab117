"""Every metric that a panel, a rule or an autoscaler names is one that the server has."""

import hashlib
import json
import re
import urllib.parse

import pytest
import yaml

from conftest import DEPLOY, Process, Server, free_port, wait_until

ADMIN, MEMBER = "key-of-the-administrator", "key-of-a-member"
# One model of its own, one on another server, and an organisation whose second request is refused.
SETTINGS = f"""
models:
  - {{id: demo, source: embedded}}
  - {{id: remote, upstreams: [{{url: "http://127.0.0.1:PORT", model: demo}}]}}
organizations:
  - id: acme
    limits: {{requests_per_day: 1}}
    keys: [{{name: ci, sha256: {hashlib.sha256(MEMBER.encode()).hexdigest()}}}]
"""
# What Prometheus itself makes.
MADE = {"up", "ALERTS"}
VARIABLES = {"$job": "llm-inference-api", "$instance": ".*", "$model": ".*", "$__rate_interval": "1m"}

DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/llm-inference.json").read_text())
ADAPTER = yaml.safe_load((DEPLOY / "kubernetes/prometheus-adapter.yaml").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [
    rule
    for file in sorted((DEPLOY / "prometheus/rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]


def metrics_in(expression):
    """The names in PromQL that are neither functions nor labels nor words of the language."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)', " ", expression)
    words = re.findall(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return set(words) - {"and", "or", "unless", "bool", "offset", "by", "without"}


@pytest.fixture
def server(started, tmp_path):
    behind = started(Server(tmp_path))
    (tmp_path / "serving_config.yaml").write_text(SETTINGS.replace("PORT", str(behind.port)))
    server = started(Server(tmp_path, API_KEY=ADMIN))
    assert server.chat(ADMIN)[0] == server.chat(ADMIN, model="remote")[0] == server.chat(MEMBER)[0] == 200
    assert server.chat(MEMBER)[0] == 429
    return server


def shown(server):
    return set(re.findall(r"^([a-zA-Z_:][\w:]*)", server.get("/metrics"), re.MULTILINE))


def test_names_in_promql_are_found():
    expression = 'sum by (job) (rate(a_total{b="c"}[5m])) / on (job) d:e > bool 2 and avg_over_time((f == 1)[5m:30s])'
    assert metrics_in(expression) == {"a_total", "d:e", "f"}


def asked():
    """Everything in PromQL under deploy/, by where it stands."""
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])
    for rule in ADAPTER["rules"]["custom"]:
        yield from ((rule["name"]["as"], query) for query in (rule["seriesQuery"], rule["metricsQuery"]))
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])[1]


def test_every_metric_that_is_asked_for_is_there(server):
    known = shown(server) | MADE | {rule["record"] for rule in RULES if "record" in rule}
    # A list, since a panel asks several times.
    assert not [(where, names) for where, expression in asked() if (names := metrics_in(expression) - known)]


class Prometheus(Process):
    """With our rules, and a server that it looks at every second."""

    def __init__(self, directory, server):
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        scrape = [{"job_name": "llm-inference-api", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}]
        rules = [str(DEPLOY / "prometheus/rules/*.yml")]
        settings = directory / "prometheus.yml"
        settings.write_text(yaml.safe_dump({"global": every, "rule_files": rules, "scrape_configs": scrape}))
        port = free_port()
        command = ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}"]
        super().__init__(command, port, "/-/ready", directory / "prometheus.txt")

    def ask(self, query):
        return json.loads(self.get(f"/api/v1/query?{urllib.parse.urlencode({'query': query})}"))["data"]["result"]

    def rules(self):
        return [rule for group in json.loads(self.get("/api/v1/rules"))["data"]["groups"] for rule in group["rules"]]


def test_every_panel_shows_something(server, started, tmp_path):
    prometheus = started(Prometheus(tmp_path, server))
    # A rate needs a metric to have been seen twice.
    wait_until(lambda: prometheus.ask('rate(api_requests_total{route="/v1/chat/completions"}[1m]) >= 0'), "a second look")
    wait_until(lambda: prometheus.ask("job:llm_late_answers:ratio_rate1h"), "the rules' first results")
    for panel in PANELS:
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            series = wait_until(lambda: prometheus.ask(query), f"{panel['title']}: {query}")
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert all(label in one["metric"] for one in series), (panel["title"], label, series[0]["metric"])
    assert not [rule for rule in prometheus.rules() if rule["health"] == "err"]
