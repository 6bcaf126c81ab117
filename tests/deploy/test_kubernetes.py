"""The chart renders what Kubernetes takes, and the manifests are what it renders."""

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import helm_python
import kubernetes_validate
import pytest
import yaml

from conftest import DEPLOY, PATIENCE, SERVER, Server, wait_until
from render import CHART, KUBERNETES, RENDERED, notes, page, render, values

# The oldest that the chart takes, and the newest whose schemas there are.
VERSIONS = ["1.30", "1.37"]
# Of Prometheus' operator, whose schemas are not among them.
FOREIGN = {"ServiceMonitor", "PrometheusRule"}
SECRETS = {"API_KEY": "a", "BACKEND_API_KEY": "b", "LLM_DATABASE_URL": "postgres://user@database/accounts"}

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
# Each value, and those within it where the chart and not the operator gives them their names.
FIELDS = [(name,) for name in DEFAULTS]
FIELDS += [(name, inner) for name, value in DEFAULTS.items() if isinstance(value, dict) and name not in {"settings", "environment"} for inner in value]
# Helm takes a key away that is null: these the templates leave out then.
MAY_GO = {
    *("environment", "image.tag", "imagePullSecrets", "podAnnotations", "nodeSelector", "tolerations", "affinity", "service.annotations"),
    *("resources.requests", "resources.limits", "serviceMonitor.labels", "prometheusRule.labels", "dashboard.labels"),
}


@pytest.fixture(params=RENDERED)
def file(request):
    return request.param


@pytest.fixture
def objects(file):
    """By their kinds, of which there is one each."""
    return {one["kind"]: one for one in yaml.safe_load_all((KUBERNETES / file).read_text())}


@pytest.fixture
def pod(objects):
    return objects["Deployment"]["spec"]["template"]


@pytest.fixture
def container(pod):
    [container] = pod["spec"]["containers"]
    return container


def environment(container):
    return {one["name"]: one["value"] for one in container["env"]}


def test_the_chart_has_no_lint(file):
    found = helm_python.lint(str(CHART), values(file), strict=True)
    # 1 is advice.
    assert not [one for one in found["messages"] if one["severity"] > 1], found
    assert not found["errors"]


def test_the_chart_starts_the_version_of_this_repository():
    version = re.search(r'^version = "(.*)"$', (DEPLOY.parent / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version


def test_the_manifests_are_what_the_chart_renders(file):
    assert (KUBERNETES / file).read_text() == page(file), "renew them with: python tests/deploy/render.py"


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_each(objects, version):
    for kind, one in objects.items():
        if kind not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)


def test_a_value_that_nobody_knows_is_refused():
    with pytest.raises(helm_python.HelmError, match="replica"):
        render({"replica": 3})


def test_a_release_of_another_name_is_another():
    names = {one["metadata"]["name"] for one in yaml.safe_load_all(render({}, name="blue"))}
    assert names == {"blue-llm-inference-api"}


def test_the_names_of_templates_are_the_charts_own():
    # They are global: those of a parent chart of the same name would take their place.
    defined = [name for file in (CHART / "templates").iterdir() for name in re.findall(r'define "(.*?)"', file.read_text())]
    assert defined and all(name.startswith("llm-inference-api.") for name in defined)


def test_the_server_takes_its_settings(objects, container, tmp_path):
    settings = tmp_path / "serving_config.yaml"
    settings.write_text(objects["ConfigMap"]["data"]["serving_config.yaml"])
    places = {"LLM_CONFIG": str(settings), "LLM_DATA_DIR": str(tmp_path), "LLM_MODEL_PATH": str(tmp_path)}
    given = {name: places.get(name, value) for name, value in environment(container).items()} | SECRETS
    done = subprocess.run([SERVER, "check-config"], cwd=tmp_path, env=given | {"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    # Whoever adds a variable that the server does not know is told by this line.
    assert all(name in done.stdout for name in environment(container) if name.startswith(("LLM_", "LOG_", "OTEL_")))


def test_a_probe_asks_what_the_server_answers(container, started, tmp_path):
    server = started(Server(tmp_path))
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        wait_until(lambda: server.answers(container[probe]["httpGet"]["path"]), f"an answer to the {probe}")
        assert container[probe]["httpGet"]["port"] in [port["name"] for port in container["ports"]]


def test_there_is_time_for_the_last_stream(pod, container):
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = int(environment(container)["LLM_SHUTDOWN_GRACE_MS"]) / 1000
    assert pod["spec"]["terminationGracePeriodSeconds"] >= pause + grace + 10


def test_the_server_has_no_more_rights_than_it_needs(pod, container):
    assert pod["spec"]["securityContext"]["runAsNonRoot"] and pod["spec"]["automountServiceAccountToken"] is False
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"] and context["capabilities"] == {"drop": ["ALL"]}


def test_everything_is_about_the_same_pods(objects, pod):
    labels = pod["metadata"]["labels"].items()
    selectors = [objects["Service"]["spec"]["selector"], objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]]
    selectors += [objects[kind]["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    assert all(selector.items() <= labels for selector in selectors)
    if monitor := objects.get("ServiceMonitor"):
        service = objects["Service"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
        # The job that alerts and dashboard ask for.
        assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "llm-inference-api"


def test_an_autoscaler_decides_alone_how_many_there_are(objects):
    scaler, deployment = objects.get("HorizontalPodAutoscaler"), objects["Deployment"]
    assert ("replicas" in deployment["spec"]) == (scaler is None)
    if scaler:
        adapter = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())
        [metric] = scaler["spec"]["metrics"]
        assert metric["pods"]["metric"]["name"] in [rule["name"]["as"] for rule in adapter["rules"]["custom"]]
        assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


def test_a_cluster_has_the_same_alerts_as_everybody():
    [rendered] = [one for one in yaml.safe_load_all(render({"prometheusRule": {"enabled": True}})) if one["kind"] == "PrometheusRule"]
    files = [yaml.safe_load(file.read_text()) for file in sorted((DEPLOY / "prometheus/rules").glob("*.yml"))]
    assert rendered["spec"]["groups"] == [group for file in files for group in file["groups"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_with_a_certificate_is_asked_over_https(version):
    given = {"tlsSecret": "certificate", "serviceMonitor": {"enabled": True}}
    rendered = {one["kind"]: one for one in yaml.safe_load_all(render(given))}
    kubernetes_validate.validate(rendered["Deployment"], version, strict=True)
    pod = rendered["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert {container[probe]["httpGet"]["scheme"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {"HTTPS"}
    assert rendered["ServiceMonitor"]["spec"]["endpoints"][0]["scheme"] == "https"
    assert environment(container)["TLS_SERVER_CERT_PATH"] == "/tls/tls.crt"
    assert {"name": "tls", "secret": {"secretName": "certificate"}} in pod["volumes"]


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_null_is_no_way_past_a_default(field):
    given = None
    for name in reversed(field):
        given = {name: given}
    if ".".join(field) in MAY_GO:
        for one in yaml.safe_load_all(render(given)):
            kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
    else:
        with pytest.raises(helm_python.HelmValuesError, match=f"missing propert.*'{field[-1]}'"):
            render(given)


def test_a_list_of_nobody_does_not_open_to_everybody():
    for side in ("from", "to"):
        for nobody in ([], [None], [{}], [{"podSelector": None}]):
            with pytest.raises(helm_python.HelmValuesError, match=side):
                render({"networkPolicy": {side: nobody}})


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"secret": "Bad Name!"}, "/secret"),
        ({"tlsSecret": "-a"}, "/tlsSecret"),
        ({"modelsClaim": "a..b"}, "/modelsClaim"),
        ({"imagePullSecrets": [{"name": ""}]}, "/imagePullSecrets/0/name"),
        ({"environment": {"a b": "c"}}, "a b"),
        ({"resources": {"limit": {"cpu": "1"}}}, "limit"),
        ({"resources": {"limits": {"memory": "4 GB"}}}, "/resources/limits/memory"),
        ({"podDisruptionBudget": {"maxUnavailable": "lots"}}, "/podDisruptionBudget/maxUnavailable"),
        ({"podDisruptionBudget": {"maxUnavailable": "101%"}}, "/podDisruptionBudget/maxUnavailable"),
        ({"autoscaling": {"averageValue": "two"}}, "/autoscaling/averageValue"),
        ({"autoscaling": {"averageValue": "0"}}, "/autoscaling/averageValue"),
        ({"serviceMonitor": {"interval": "often"}}, "/serviceMonitor/interval"),
        ({"serviceMonitor": {"interval": "15"}}, "/serviceMonitor/interval"),
        ({"serviceMonitor": {"secretKey": "a b"}}, "/serviceMonitor/secretKey"),
        ({"networkPolicy": {"from": [{"ipBlock": {}}]}}, "missing propert.*'cidr'"),
        ({"networkPolicy": {"from": [{"ipBlock": {"cidr": "10.0.0.1"}}]}}, "/networkPolicy/from/0/ipBlock/cidr"),
        ({"networkPolicy": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["none"]}}]}}, "/networkPolicy/to/0/ipBlock/except/0"),
        ({"networkPolicy": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}}, "/networkPolicy/to/0"),
    ],
)
def test_what_a_cluster_would_refuse_is_refused_before(given, where):
    with pytest.raises(helm_python.HelmValuesError, match=where):
        render(given)


@pytest.mark.parametrize(
    "given",
    [
        {"secret": "", "tlsSecret": "team.certificate-1", "imagePullSecrets": [{"name": "registry"}], "environment": {"_A1": "b"}},
        {"resources": {"requests": {"cpu": "500m", "memory": 1000000000}, "limits": {"cpu": 1.5, "memory": "1.5Gi", "nvidia.com/gpu": 1}}},
        {"podDisruptionBudget": {"maxUnavailable": "50%"}, "autoscaling": {"enabled": True, "averageValue": 3}},
        {"podDisruptionBudget": {"maxUnavailable": 0}, "autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 3, "averageValue": "500m"}},
        {"serviceMonitor": {"enabled": True, "interval": "1m30s"}},
        {"networkPolicy": {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "fd00::/8"}}]}},
        {"settings": {"api": None, "accounts": None}},
        {"settings": {"api": {"tls": None, "host": "::", "metrics_need_key": True}}},
        {"settings": {"api": {"tls": {"enabled": False}}}},
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_cluster_takes_is_taken(given, version):
    for one in yaml.safe_load_all(render(given)):
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)


def test_the_least_is_not_more_than_the_most():
    with pytest.raises(helm_python.HelmError, match="autoscaling.minReplicas is 9, more than autoscaling.maxReplicas, which is 2"):
        render({"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 2}})


@pytest.mark.parametrize("section", ["api", "accounts"])
def test_a_value_in_place_of_a_section_is_refused_by_its_name(section):
    with pytest.raises(helm_python.HelmValuesError, match=f"/settings/{section}"):
        render({"settings": {section: "x"}})


def test_a_certificate_is_given_by_its_secret():
    for said in (True, "yes"):
        given = {"settings": {"api": {"tls": {"enabled": said, "certificate": "c.pem", "key": "k.pem"}}}}
        with pytest.raises(helm_python.HelmError, match="set tlsSecret"):
            render(given)
        assert render(given | {"tlsSecret": "certificate"})


def test_a_server_that_no_probe_reaches_is_refused():
    for host in ("127.0.0.1", "localhost", "::1", "[::1]"):
        with pytest.raises(helm_python.HelmError, match="settings.api.host is"):
            render({"settings": {"api": {"host": host}}})


@pytest.mark.parametrize("given", [{"settings": {"api": {"metrics_need_key": True}}}, {"environment": {"LLM_METRICS_NEED_KEY": "on"}}])
def test_prometheus_has_a_key_where_metrics_need_one(given):
    with pytest.raises(helm_python.HelmError, match="set serviceMonitor.secretKey"):
        render(given | {"serviceMonitor": {"enabled": True}})
    with pytest.raises(helm_python.HelmError, match="secret names no Secret"):
        render(given | {"secret": "", "serviceMonitor": {"enabled": True, "secretKey": "API_KEY"}})
    objects = yaml.safe_load_all(render(given | {"serviceMonitor": {"enabled": True, "secretKey": "API_KEY"}}))
    [monitor] = [one for one in objects if one["kind"] == "ServiceMonitor"]
    assert monitor["spec"]["endpoints"][0]["authorization"] == {"credentials": {"name": "llm-inference-api", "key": "API_KEY"}}


def test_the_environment_goes_before_the_settings_about_metrics():
    given = {"serviceMonitor": {"enabled": True}, "settings": {"api": {"metrics_need_key": True}}}
    assert render(given | {"environment": {"LLM_METRICS_NEED_KEY": "false"}})


def test_the_metrics_of_a_server_open_to_the_key_that_prometheus_sends(started, tmp_path):
    server = started(Server(tmp_path, API_KEY="k" * 32, LLM_METRICS_NEED_KEY="true"))
    request = urllib.request.Request(server.url("/metrics"))
    with pytest.raises(urllib.error.HTTPError, match="401"):
        server.open(request)
    # The operator's kind of authorization, if none is said.
    request.add_header("authorization", f"Bearer {'k' * 32}")
    assert server.open(request).status == 200


def test_a_parent_chart_may_switch_it(tmp_path):
    parent = tmp_path / "parent"
    shutil.copytree(CHART, parent / "charts/llm-inference-api")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    dependency = {"name": "llm-inference-api", "version": version, "condition": "llm-inference-api.enabled"}
    (parent / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}))
    for enabled in (True, False):
        with helm_python.Chart.load(str(parent)) as chart:
            rendered = chart.render({"llm-inference-api": {"enabled": enabled}}, name="parent", namespace="default")
        assert any("kind: Deployment" in text for text in rendered.values()) == enabled


def test_what_the_chart_sets_by_itself_is_not_set_twice():
    for name in ("LLM_INFERENCE_PORT", "SERVER_SSL_ENABLED", "LLM_INFERENCE_HOSTNAME", "API_HOST"):
        with pytest.raises(helm_python.HelmError, match=name):
            render({"environment": {name: "9000"}})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_has_the_same_dashboard_as_everybody(version):
    rendered = {one["metadata"]["name"]: one for one in yaml.safe_load_all(render({"dashboard": {"enabled": True}}))}
    dashboard = rendered["llm-inference-api-dashboard"]
    kubernetes_validate.validate(dashboard, version, strict=True)
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    files = {file.name: json.loads(file.read_text()) for file in (DEPLOY / "grafana/dashboards").glob("*.json")}
    assert files and {name: json.loads(text) for name, text in dashboard["data"].items()} == files


def test_new_settings_are_new_pods():
    def annotations(settings):
        [deployment] = [one for one in yaml.safe_load_all(render({"settings": settings})) if one["kind"] == "Deployment"]
        return deployment["spec"]["template"]["metadata"]["annotations"]

    assert annotations({"limits": {"shadow": True}}) != annotations({"limits": {"shadow": False}})


def test_whoever_installs_it_is_told_where_it_answers():
    assert "at http://blue-llm-inference-api.default:8091\n" in notes({}, name="blue")
    assert "at https://llm-inference-api.default:443\n" in notes({"tlsSecret": "certificate", "service": {"port": 443}})


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({}, True),
        ({"environment": None, "settings": {"accounts": None}}, True),
        ({"replicas": 1}, False),
        ({"replicas": 1, "autoscaling": {"enabled": True}}, True),
        ({"autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 1}}, False),
        ({"environment": {"LLM_DATABASE_URL": "postgres://database/accounts"}}, False),
        ({"settings": {"accounts": {"database_url": "${DATABASE}"}}}, False),
        ({"settings": {"accounts": {"database_url": "sqlite:///data/accounts.db"}}}, True),
    ],
)
def test_whoever_starts_several_is_told_that_they_need_a_database(given, warned):
    assert ("Unless LLM_DATABASE_URL in the Secret does, each" in notes(given)) == warned
    assert ("name none. Each" in notes(given | {"secret": ""})) == warned


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"replicas": 1}, True),
        ({"replicas": 1, "settings": {"accounts": {"database_url": "sqlite:///data/accounts.db"}}}, True),
        ({"replicas": 1, "environment": {"LLM_DATABASE_URL": "postgres://database/accounts"}}, False),
        ({"replicas": 1, "autoscaling": {"enabled": True}}, False),
        ({"autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 1}}, True),
    ],
)
def test_whoever_starts_one_is_told_that_its_keys_end_with_it(given, warned):
    assert ("Unless LLM_DATABASE_URL in the Secret does, they lie\n" in notes(given)) == warned
    assert ("name none. They lie\n" in notes(given | {"secret": ""})) == warned


def test_whoever_has_prometheus_elsewhere_is_told_to_let_it_in():
    def told(peers, **policy):
        return "namespaceSelector" in notes({"serviceMonitor": {"enabled": True}, "networkPolicy": {"from": peers} | policy})

    ours, theirs = {"podSelector": {}}, {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert told([ours])
    assert not told([ours, theirs]) and not told([ours, {"ipBlock": {"cidr": "10.0.0.0/8"}}]) and not told([ours], enabled=False)
    assert "namespaceSelector" not in notes({})
