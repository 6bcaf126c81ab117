"""The documentation pages in Chromium: they show every route, they work, and they ask no other host."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from below_a_path import below_a_path

CHAT = "#operations-OpenAI-create_chat_completion"


def operations(base_url):
    with urllib.request.urlopen(f"{base_url}/openapi.json", timeout=10) as answer:
        paths = json.load(answer)["paths"]
    return [operation for item in paths.values() for operation in item.values()]


def try_chat(page):
    """Sends the example of a chat completion as it stands; the answer as the page shows it."""
    page.locator(f"{CHAT} .opblock-summary-control").click()
    # The example is filled in after the form is shown.
    expect(page.locator(f"{CHAT} .body-param__text")).to_contain_text("messages")
    page.locator(f"{CHAT} .execute").click()
    status = page.locator(f"{CHAT} .live-responses-table tbody .response-col_status").first.inner_text()
    body = page.locator(f"{CHAT} .live-responses-table tbody .highlight-code").first.inner_text()
    return status, body


@pytest.mark.parametrize("path", ["docs", "swagger-ui"])
def test_swagger_ui_shows_every_route(visit, base_url, path):
    page = visit(f"{base_url}/{path}")
    expect(page.locator(".opblock")).to_have_count(len(operations(base_url)))


def test_swagger_ui_asks_and_shows_the_answer(visit, base_url):
    status, body = try_chat(visit(f"{base_url}/docs"))
    assert status.startswith("200")
    assert "chat.completion" in body and "SELECT" in body


def test_swagger_ui_sends_the_key(visit, base_url):
    page = visit(f"{base_url}/docs")
    page.locator(".auth-wrapper .authorize").click()
    page.locator("input[aria-label='auth-bearer-value']").fill("secret-of-a-test")
    page.locator("form:has(input[aria-label='auth-bearer-value']) .authorize").click()
    page.locator(".btn-done").first.click()
    with page.expect_request("**/v1/chat/completions") as sent:
        status, _ = try_chat(page)
    assert status.startswith("200")
    assert sent.value.headers["authorization"] == "Bearer secret-of-a-test"


def test_swagger_ui_works_below_a_path(visit, base_url):
    with below_a_path(base_url) as url:
        status, _ = try_chat(visit(f"{url}/docs"))
        assert status.startswith("200")


def test_redoc_shows_every_route(visit, base_url):
    page = visit(f"{base_url}/redoc")
    for operation in operations(base_url):
        place = f"operation/{operation['operationId']}"
        expect(page.locator(f"[data-section-id$='/{place}'], [id$='{place}']").first).to_be_attached()
