"""Renders the chart into the plain manifests of deploy/kubernetes/: `python render.py`, in an environment with requirements.txt."""

import pathlib

import helm_python
import yaml

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm/llm-inference-api"
KUBERNETES = DEPLOY / "kubernetes"
# Each file and the values that are not the chart's own.
RENDERED = {"defaults.yaml": None, "everything.yaml": "values-everything.yaml"}


def values(file):
    """Of one of the plain manifests."""
    return yaml.safe_load((KUBERNETES / RENDERED[file]).read_text()) if RENDERED[file] else {}


def render(given, name="llm-inference-api"):
    """The chart as text, with values in place of its own."""
    with helm_python.Chart.load(str(CHART)) as chart:
        rendered = chart.render(given, name=name, namespace="default")
    texts = (text.strip() for path, text in sorted(rendered.items()) if path.endswith(".yaml"))
    return "---\n".join(f"{text}\n" for text in texts if text)


def page(file):
    source = RENDERED[file] or "the chart's own values"
    return f"# Rendered by tests/deploy/render.py from ../helm/llm-inference-api with {source}.\n{render(values(file))}"


if __name__ == "__main__":
    for file in RENDERED:
        (KUBERNETES / file).write_text(page(file))
