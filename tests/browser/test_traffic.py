"""The console's traffic: what the metrics say, drawn."""

import json
import re

from playwright.sync_api import expect

from conftest import USER
from test_chat import answer, ask, ask_slow_model


ASK = "body => fetch('v1/chat/completions', {method: 'POST', headers: {'content-type': 'application/json'}, body})"


def chart(page, title):
    return page.get_by_role("figure", name=re.compile(f"^{title}"))


def test_what_runs_is_seen_while_it_runs(visit, gateway, teller):
    page = ask_slow_model(visit, gateway)
    teller.say("One")
    page.get_by_role("link", name="Traffic").click()
    expect(chart(page, "In flight")).to_contain_text("1 running")
    teller.end()
    expect(chart(page, "In flight")).to_contain_text("0 running")
    points = chart(page, "In flight").locator("polyline.line-1").get_attribute("points")
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert min(heights) < max(heights) == 90


def test_tokens_of_a_server_elsewhere_are_estimated_while_they_come(visit, gateway, teller):
    page = ask_slow_model(visit, gateway)
    for piece in ["One", " two", " three", " four", " five"]:
        teller.say(piece)
        page.wait_for_timeout(100)
    teller.end()
    expect(answer(page)).to_contain_text("5 tokens")
    teller.begin()
    ask(page, "And now?")
    teller.say("More")
    expect(answer(page)).to_contain_text("More")
    page.get_by_role("link", name="Traffic").click()
    tokens = chart(page, "Tokens per second")
    expect(tokens).to_contain_text(re.compile(r"Tokens per second\s*(?!0 )[\d.]+ elsewhere, about"))
    expect(tokens).to_contain_text("Tokens of servers elsewhere are counted when an answer ends")


def test_tokens_and_requests_are_counted_without_those_of_this_page(visit, server):
    page = visit(f"{server.url}/#traffic")
    expect(chart(page, "Requests per second")).to_contain_text(re.compile("^.*0 answered"))
    body = {"model": "demo", "max_tokens": 400, "ignore_eos": True, "messages": [{"role": "user", "content": "Show all users"}]}
    page.evaluate(ASK, json.dumps(body))
    expect(chart(page, "Tokens per second").locator("strong")).not_to_have_text("0")
    totals = page.get_by_role("region", name="Since the start")
    expect(totals).to_contain_text(re.compile(r"[\d,]+ of prompts, [\d,]+ generated"))


def test_a_refusal_is_no_failure(visit, server):
    page = visit(f"{server.url}/#traffic")
    requests = page.get_by_role("region", name="Since the start").get_by_role("definition").nth(1)
    expect(requests).to_have_text(re.compile(r"^[\d,]+, of which [\d,]+ refused and 0 failed$"))
    refused = lambda: int(re.search(r"which ([\d,]+) refused", requests.inner_text())[1].replace(",", ""))
    before = refused()
    page.evaluate(ASK, json.dumps({"model": "no-such-model", "messages": []}))
    expect(requests).to_contain_text(f"which {before + 1} refused and 0 failed")


def test_it_says_how_long_it_has_looked(visit, server):
    page = visit(f"{server.url}/#traffic")
    # There is room for 30 s from the beginning.
    expect(chart(page, "In flight")).to_contain_text(re.compile(r"highest \d+, in (?!30 s)\d+ s"))


def test_servers_elsewhere_are_shown_with_their_health(visit, gateway, server):
    page = visit(f"{gateway.url}/#traffic")
    expect(page.get_by_role("article", name=server.url)).to_contain_text("in use")
    expect(page.get_by_role("article", name="http://127.0.0.1:9", exact=True)).to_contain_text("not in use")


def test_what_a_server_elsewhere_refuses_is_no_failure(visit, gateway, server):
    page = visit(f"{gateway.url}/#traffic")
    far = page.get_by_role("article", name=server.url)
    expect(far).to_contain_text("0 failed")
    headers = {"content-type": "application/json", "authorization": f"Bearer {USER}"}
    body = {"model": "demo", "messages": [{"role": "user", "content": "Show all users " * 2000}]}
    refusal = page.request.post(f"{gateway.url}/v1/chat/completions", headers=headers, data=body)
    assert refusal.status == 400
    expect(far).to_contain_text(re.compile(r"1 refused\s*0 failed"))


def test_metrics_that_a_proxy_keeps_are_a_sentence(visit, server):
    page = visit(server.url)
    page.route("**/metrics", lambda route: route.fulfill(status=404))
    page.get_by_role("link", name="Traffic").click()
    expect(page.get_by_role("alert")).to_contain_text("The metrics cannot be read from here. A proxy between may keep them")


def test_a_server_that_is_gone_is_a_sentence(visit, server):
    page = visit(f"{server.url}/#traffic")
    expect(chart(page, "In flight")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(page.get_by_text("out of reach")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_text("")
