"""The console's models and adapters: how each is, and what administrators may do."""

import json
import re

from playwright.sync_api import expect

from conftest import ADMIN, USER
from test_chat import answer, ask, enter_key


def card(page, model):
    return page.get_by_role("article", name=model, exact=True)


def test_every_model_is_shown_with_what_it_takes(visit, server):
    page = visit(f"{server.url}/#models")
    expect(card(page, "demo")).to_contain_text("ready")
    expect(card(page, "demo")).to_contain_text("2.9 MiB of weights")
    expect(card(page, "demo")).to_contain_text("2,048 tokens of context")
    expect(card(page, "demo")).to_contain_text("0 running, 0 waiting")
    expect(card(page, "demo").get_by_role("img", name="KV cache in use: 0 %")).to_be_visible()
    expect(card(page, "tiny")).to_contain_text("142 KiB of weights")


def test_an_adapter_that_is_not_in_memory_is_idle(visit, server):
    page = visit(f"{server.url}/#models")
    expect(card(page, "tiny").get_by_role("listitem").filter(has_text="resting")).to_contain_text("idle")
    expect(page.get_by_text(re.compile(r"^2 ready, 1 idle until asked for, with .* of weights in memory\.$"))).to_be_visible()


def test_it_says_why_a_model_or_an_adapter_does_not_answer(visit, server):
    page = visit(server.url)
    reasons = {"demo": "its files are <b>gone</b>", "resting": "its rank is too high"}
    body = json.dumps({"status": "not_ready", "models": {}, "reasons": reasons})
    page.route("**/health/ready", lambda route: route.fulfill(status=503, content_type="application/json", body=body))
    page.get_by_role("link", name="Models").click()
    expect(card(page, "demo")).to_contain_text("its files are <b>gone</b>")
    adapter = card(page, "tiny").get_by_role("listitem").filter(has_text="resting")
    expect(adapter).to_contain_text("its rank is too high")
    expect(adapter).to_contain_text("failed")


def test_an_adapter_is_loaded_asked_and_unloaded(visit, server):
    page = visit(f"{server.url}/#models")
    page.get_by_label("Name", exact=True).fill("legal")
    page.get_by_label("For the model").select_option("tiny")
    page.get_by_label("Directory").fill("llama")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.get_by_text("The adapter legal is loaded.")).to_be_visible()
    expect(card(page, "tiny").get_by_role("list", name="Adapters of tiny")).to_contain_text("legal")
    page.get_by_role("link", name="Chat").click()
    page.get_by_label("Model").select_option("legal")
    page.get_by_label("Max tokens").fill("4")
    ask(page)
    expect(answer(page)).to_contain_text("legal")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Unload legal").click()
    page.get_by_role("group", name="Unload legal?").get_by_role("button", name="Unload legal").click()
    expect(page.get_by_text("The adapter legal is unloaded.")).to_be_visible()
    expect(page.get_by_role("heading", name="tiny")).to_be_focused()
    expect(card(page, "tiny")).not_to_contain_text("legal")


def test_it_asks_before_an_adapter_is_unloaded(visit, server):
    page = visit(f"{server.url}/#models")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    unload = page.get_by_role("button", name="Unload resting")
    question = page.get_by_role("group", name="Unload resting?")
    unload.press("Enter")
    expect(question).to_contain_text("Nobody can ask for it then, until it is loaded again")
    expect(question.get_by_role("button", name="Keep resting")).to_be_focused()
    assert question.bounding_box()["width"] > 250
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    expect(unload).to_be_focused()
    unload.press("Enter")
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(card(page, "tiny")).to_contain_text("resting")
    assert sent == []


def test_an_adapter_that_is_not_there_is_refused_with_a_sentence(visit, server):
    page = visit(f"{server.url}/#models")
    page.get_by_label("Name", exact=True).fill("nothing")
    page.get_by_label("Directory").fill("no-such-directory")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("does not lead to an adapter's directory or GGUF file below the adapter root.")


def test_a_newer_version_is_looked_for(visit, server):
    page = visit(f"{server.url}/#models")
    page.get_by_role("button", name="Look for a newer version of demo").click()
    expect(page.get_by_text("demo is of the newest version that there is")).to_be_visible()


def test_only_administrators_are_offered_what_only_they_may(visit, gateway):
    page = visit(gateway.url)
    enter_key(page, USER)
    page.get_by_role("link", name="Models").click()
    expect(card(page, "demo")).to_contain_text("ready")
    expect(page.get_by_role("heading", name="Load an adapter")).to_have_count(0)
    enter_key(page, ADMIN)
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Load an adapter")).to_be_visible()
