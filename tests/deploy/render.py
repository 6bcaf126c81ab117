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


def files(given, name):
    """What the chart's templates make of values in place of its own."""
    with helm_python.Chart.load(str(CHART)) as chart:
        return chart.render(given, name=name, namespace="default")


def render(given, name="llm-inference-api"):
    """All objects as text."""
    texts = (text.strip() for path, text in sorted(files(given, name).items()) if path.endswith(".yaml"))
    return "---\n".join(f"{text}\n" for text in texts if text)


def notes(given, name="llm-inference-api"):
    """What is said once it is installed."""
    [text] = [text for path, text in files(given, name).items() if path.endswith("NOTES.txt")]
    return text


def page(file):
    source = RENDERED[file] or "the chart's own values"
    return f"# Rendered by tests/deploy/render.py from ../helm/llm-inference-api with {source}.\n{render(values(file))}"


if __name__ == "__main__":
    for file in RENDERED:
        (KUBERNETES / file).write_text(page(file))
