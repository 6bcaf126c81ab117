"""A headless Chromium, a record of whom its pages ask, and the servers that they are from."""

import os
import pathlib
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from servers import PATIENCE, ROOT, Server, Teller

MODELS = ROOT / "crates/testkit/fixtures/models"
expect.set_options(timeout=PATIENCE * 1000)
ADMIN, USER, SMALL = "admin-key-of-the-console", "user-key-of-the-console", "small-key-of-the-console"
KEYS = f"""{ADMIN} name=root organization=acme role=admin
{USER} name=ci organization=acme role=user
{SMALL} name=small organization=small role=user
"""


class Watched:
    """A page, and everything that it asks for or complains of."""

    def __init__(self, page):
        self.page, self.urls, self.complaints = page, [], []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.hear(message))

    def hear(self, message):
        # That an answer is not 200 is no complaint of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def hosts(self):
        urls = [urlsplit(url) for url in self.urls]
        return {url.netloc for url in urls if url.scheme not in ("data", "blob")}


@pytest.fixture(scope="session")
def base_url():
    return os.environ.get("LLM_TEST_BASE_URL", "http://localhost:8091")


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        # In a container there is no room in /dev/shm and, as root, no sandbox; the pages are our own.
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Opens pages, each as somebody else's; in the end, none of them may have asked another host or complained."""
    contexts, pages = [], []

    def open(url, width=1280, height=900, **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options))
        watched = Watched(contexts[-1].new_page())
        pages.append((watched, urlsplit(url).netloc))
        watched.page.goto(url)
        return watched.page

    yield open
    for watched, own in pages:
        assert watched.hosts() == {own}
        assert watched.complaints == []
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Open to everybody: the embedded model, one that adapters fit, with one that nobody asks for, and a scorer."""
    resting = {"id": "resting", "source": str(MODELS / "adapters/llama")}
    models = [{"id": "demo", "source": "embedded"}, {"id": "tiny", "source": str(MODELS / "hf/llama"), "adapters": [resting]}]
    flags = ["--adapter-root", str(MODELS / "adapters"), "--scorer-path", str(ROOT / "models/scorers")]
    server = Server(tmp_path_factory.mktemp("server"), {"models": models}, *flags)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def slow_model():
    return Teller()


@pytest.fixture
def teller(slow_model):
    slow_model.begin()
    yield slow_model
    slow_model.end()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, server, slow_model):
    """For those with a key: models of other servers, one of which nobody reaches."""
    directory: pathlib.Path = tmp_path_factory.mktemp("gateway")
    (directory / "keys.txt").write_text(KEYS)
    nobody = "http://127.0.0.1:9"
    settings = {
        "models": [{"id": "demo", "upstreams": [{"url": server.url}, {"url": nobody}]}, {"id": "slow", "upstreams": [{"url": slow_model.url}]}],
        "organizations": [{"id": "small", "limits": {"tokens_per_day": 120}}],
    }
    gateway = Server(directory, settings, "--api-keys-file", "keys.txt")
    yield gateway
    gateway.stop()
