"""The documentation pages in Chromium: they show every route, they work, and they ask no other host."""

import json
import urllib.request
from urllib.parse import urlsplit

import pytest

from below_a_path import below_a_path

CHAT = "#operations-OpenAI-create_chat_completion"


def operations(base_url):
    with urllib.request.urlopen(f"{base_url}/openapi.json", timeout=10) as answer:
        paths = json.load(answer)["paths"]
    return [operation for item in paths.values() for operation in item.values()]


def check_is_alone(browser, url):
    assert browser.hosts() == {urlsplit(url).netloc}
    assert browser.complaints() == []


def try_chat(browser):
    """Sends the example of a chat completion as it stands; the answer as the page shows it."""
    browser.click(f"{CHAT} .opblock-summary-control")
    # The example is filled in after the form is shown.
    browser.until(lambda driver: "messages" in browser.find(f"{CHAT} .body-param__text").get_attribute("value"))
    browser.click(f"{CHAT} .execute")
    status = browser.find(f"{CHAT} .live-responses-table tbody .response-col_status").text
    body = browser.find(f"{CHAT} .live-responses-table tbody .highlight-code").text
    return status, body


@pytest.mark.parametrize("page", ["docs", "swagger-ui"])
def test_swagger_ui_shows_every_route(browser, base_url, page):
    browser.open(f"{base_url}/{page}")
    browser.find(".opblock")
    expected = len(operations(base_url))
    browser.until(lambda driver: len(driver.find_elements("css selector", ".opblock")) == expected)
    check_is_alone(browser, base_url)


def test_swagger_ui_asks_and_shows_the_answer(browser, base_url):
    browser.open(f"{base_url}/docs")
    status, body = try_chat(browser)
    assert status.startswith("200")
    assert "chat.completion" in body and "SELECT" in body
    check_is_alone(browser, base_url)


def test_swagger_ui_sends_the_key(browser, base_url):
    browser.open(f"{base_url}/docs")
    browser.click(".auth-wrapper .authorize")
    browser.find("input[aria-label='auth-bearer-value']").send_keys("secret-of-a-test")
    browser.click("form:has(input[aria-label='auth-bearer-value']) .authorize")
    browser.click(".btn-done")
    status, _ = try_chat(browser)
    assert status.startswith("200")
    headers = [request["headers"] for request in browser.sent() if request["url"].endswith("/v1/chat/completions")]
    assert [header.get("Authorization") for header in headers] == ["Bearer secret-of-a-test"]


def test_swagger_ui_works_below_a_path(browser, base_url):
    with below_a_path(base_url) as url:
        browser.open(f"{url}/docs")
        status, _ = try_chat(browser)
        assert status.startswith("200")
        check_is_alone(browser, url)


def test_redoc_shows_every_route(browser, base_url):
    browser.open(f"{base_url}/redoc")
    for operation in operations(base_url):
        browser.find(f"[data-section-id$='/operation/{operation['operationId']}'], [id$='operation/{operation['operationId']}']")
    check_is_alone(browser, base_url)
