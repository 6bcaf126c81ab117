"""The console where keys are needed: it asks for one, keeps it in the tab, and says what is left."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from conftest import ADMIN, USER
from test_chat import answer, ask, enter_key


def test_it_asks_for_a_key(visit, gateway):
    page = visit(gateway.url)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("This server asks for a key.")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    notice.get_by_role("link", name="Enter a key").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_wrong_key_is_told_from_none(visit, gateway):
    page = visit(gateway.url)
    enter_key(page, "no-key-of-this-server")
    expect(page.get_by_role("alert")).to_contain_text("does not accept the key that was entered")


@pytest.mark.parametrize("key", ["ключ", "key\u2013one", "key\u200bone"])
def test_a_key_that_no_header_carries_is_a_wrong_one(visit, gateway, key):
    page = visit(gateway.url)
    enter_key(page, key)
    expect(page.get_by_role("alert")).to_contain_text("The server does not accept the key that was entered.")
    page.get_by_role("link", name="Chat").click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not accept the key that was entered.")
    expect(page.locator(".health:is(.healthy, .degraded)")).to_be_visible()
    enter_key(page, USER)
    expect(page.get_by_text("This key may ask models.")).to_be_visible()


def test_it_says_what_a_key_may_do(visit, gateway):
    page = visit(gateway.url)
    enter_key(page, USER)
    expect(page.get_by_text("This key may ask models.")).to_be_visible()
    enter_key(page, ADMIN)
    expect(page.get_by_text("This key may ask models and administer them.")).to_be_visible()


class Refusals:
    """What the server has refused to a page."""

    def __init__(self, page):
        self.seen, self.polls = [], 0
        page.on("response", self.hear)

    def hear(self, response):
        self.polls += response.url.endswith("/metrics")
        if response.status in (401, 403):
            self.seen.append((response.status, urlsplit(response.url).path))


def look_at_models(page, refusals):
    """For as long as it takes to look at them twice."""
    page.get_by_role("link", name="Models").click()
    before = refusals.polls
    while refusals.polls < before + 2:
        page.wait_for_timeout(100)


def test_it_does_not_ask_again_what_was_refused(visit, gateway):
    page = visit(f"{gateway.url}/docs")
    refusals = Refusals(page)
    page.goto(f"{gateway.url}/#models")
    expect(page.get_by_role("alert")).to_contain_text("This server asks for a key.")
    look_at_models(page, refusals)
    enter_key(page, "no-key-of-this-server")
    expect(page.get_by_role("alert")).to_contain_text("does not accept the key that was entered")
    look_at_models(page, refusals)
    enter_key(page, USER)
    expect(page.get_by_text("This key may ask models.")).to_be_visible()
    look_at_models(page, refusals)
    page.get_by_role("link", name="Key", exact=True).click()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_role("alert")).to_contain_text("This server asks for a key.")
    look_at_models(page, refusals)
    assert refusals.seen == [(401, "/v1/models"), (401, "/v1/models"), (403, "/v1/lora_adapters")]


def test_a_server_that_comes_back_is_asked_anew(visit, gateway):
    page = visit(gateway.url)
    expect(page.get_by_role("alert")).to_contain_text("This server asks for a key.")
    page.context.set_offline(True)
    expect(page.get_by_text("out of reach")).to_be_visible()
    with page.expect_response("**/v1/models") as asked:
        page.context.set_offline(False)
    assert asked.value.status == 401


def test_it_says_what_is_left(visit, gateway):
    page = visit(gateway.url)
    enter_key(page, USER)
    expect(page.get_by_text("There was none yet in this tab.")).to_be_visible()
    page.get_by_role("link", name="Chat").click()
    page.get_by_label("Model").select_option("demo")
    page.get_by_label("Max tokens").fill("5")
    ask(page)
    expect(answer(page)).to_contain_text("5 tokens")
    page.get_by_role("link", name="Key", exact=True).click()
    left = page.get_by_role("region", name="What is left")
    expect(left).to_contain_text(re.compile(r"[\d,]+ of 10,000,000 tokens"))
    expect(left).to_contain_text(re.compile(r"[\d,]+ of 100,000 requests"))
    used = page.get_by_role("region", name="Used in this tab")
    expect(used.get_by_role("definition").last).to_have_text("5")


def test_a_key_stays_in_its_tab(visit, gateway):
    page = visit(gateway.url)
    enter_key(page, USER)
    expect(page.get_by_text("This key may ask models.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The key in use ends with")).to_be_visible()
    another = page.context.new_page()
    another.goto(gateway.url)
    expect(another.get_by_role("alert")).to_contain_text("This server asks for a key.")
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href").count(USER) == 0
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_role("alert")).to_contain_text("This server asks for a key.")
    assert page.evaluate("sessionStorage.length") == 0
