"""The console's chat: it streams, it stops, it says what went wrong."""

import json
import re

import pytest
from playwright.sync_api import expect

from below_a_path import below_a_path
from conftest import SMALL, USER
from servers import wait_until

QUESTION = "Get top 10 customers by revenue"
COUNT = 20_000

# Counts how often the answer is drawn and how often the browser draws, and presses Stop as soon as it is told to and there is text.
WATCH = """stop => {
  window.seen = { drawn: 0, frames: 0 };
  let shown = "";
  const text = () => document.querySelector(".turn.assistant .said")?.textContent ?? "";
  new MutationObserver(() => {
    if (text() !== shown) seen.drawn += 1;
    shown = text();
  }).observe(document.querySelector(".conversation"), { subtree: true, childList: true, characterData: true });
  const frame = () => {
    seen.frames += 1;
    if (stop && text() !== "") document.querySelector("button.stop")?.click();
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


def ask(page, text=QUESTION):
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()


def answer(page):
    return page.locator(".turn.assistant").last


def enter_key(page, key):
    page.get_by_role("link", name="Key", exact=True).click()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()


def chunk(**delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def answer_with(page, *chunks):
    """Models answer with these, all of which have arrived when the first one is looked at. What is text already is sent as it is."""
    events = [chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}" for chunk in chunks] + ["data: [DONE]"]
    body = "".join(f"{event}\n\n" for event in events)
    page.route("**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body=body))


USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}
LONG = [chunk(content=f"word{index}\n") for index in range(COUNT)]


def ask_slow_model(visit, gateway, text="Hello"):
    """Somebody with a key, whose answer has begun."""
    page = visit(gateway.url)
    enter_key(page, USER)
    page.get_by_role("link", name="Chat").click()
    page.get_by_label("Model").select_option("slow")
    ask(page, text)
    return page


def test_an_answer_is_shown_with_its_pace(visit, server):
    page = visit(server.url)
    page.get_by_label("Temperature").fill("0")
    ask(page)
    expect(answer(page)).to_contain_text("SELECT customers.name")
    figures = answer(page).locator(".figures")
    expect(figures).to_contain_text(re.compile(r"first token after \d+(\.\d)? m?s"))
    expect(figures).to_contain_text(re.compile(r"\d tokens/s"))
    expect(figures).to_contain_text("53 tokens")


def test_an_answer_is_shown_while_it_comes(visit, gateway, teller):
    page = ask_slow_model(visit, gateway)
    teller.say("Grüße", " aus")
    expect(answer(page).locator(".said")).to_have_text("Grüße aus")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    teller.say(" 東京")
    expect(answer(page).locator(".said")).to_have_text("Grüße aus 東京")
    teller.end()
    expect(answer(page)).to_contain_text("3 tokens")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_long_answer_is_drawn_no_more_often_than_the_browser_draws(visit, server):
    page = visit(server.url)
    answer_with(page, *LONG)
    page.evaluate(WATCH, False)
    ask(page)
    expect(answer(page)).to_contain_text(f"about {COUNT} tokens")
    expect(answer(page)).to_contain_text(f"word{COUNT - 1}")
    seen = page.evaluate("seen")
    # The empty answer and the complete one are shown without waiting for a frame.
    assert 0 < seen["drawn"] <= seen["frames"] + 2


def test_a_long_answer_can_be_stopped_while_it_is_read(visit, server):
    page = visit(server.url)
    answer_with(page, *LONG)
    page.evaluate(WATCH, True)
    ask(page)
    expect(answer(page)).to_contain_text("stopped")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(answer(page)).to_contain_text("word0")
    expect(answer(page)).not_to_contain_text(f"word{COUNT - 1}")


def test_what_a_model_says_to_itself_is_kept_apart(visit, gateway, teller):
    page = ask_slow_model(visit, gateway)
    teller.say({"reasoning": "They greet"}, {"reasoning_content": " me."})
    answer(page).get_by_text("Reasoning").click()
    expect(answer(page).locator("details")).to_contain_text("They greet me.")
    teller.say("Hello!")
    teller.end()
    expect(answer(page).locator("> .said")).to_have_text("Hello!")
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page, "And now?")
    assert [message["content"] for message in sent.value.post_data_json["messages"]] == ["Hello", "Hello!", "And now?"]


def test_chunks_may_leave_out_what_is_empty(visit, server):
    page = visit(server.url)
    answer_with(page, chunk(content="Half"), {"choices": [{"index": 0}]}, {"choices": None}, {}, chunk(content=" and half"))
    ask(page)
    expect(answer(page).locator(".said")).to_have_text("Half and half")
    expect(page.get_by_role("alert")).to_have_text("")


def test_that_a_model_will_not_answer_is_shown(visit, server):
    page = visit(server.url)
    answer_with(page, chunk(refusal="I will"), chunk(refusal=" not."), USAGE)
    ask(page)
    expect(answer(page).locator(".said")).to_have_text("I will not.")
    expect(answer(page).locator(".figures")).to_contain_text("7 tokens")


def test_the_tools_that_a_model_calls_are_text(visit, server):
    page = visit(server.url)
    markup = "<img src=x onerror=\"document.title='taken'\">"
    begun = {"index": 0, "id": "1", "type": "function", "function": {"name": "<b>add</b>", "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": markup}}
    answer_with(page, chunk(tool_calls=[begun]), chunk(tool_calls=[rest]), USAGE)
    ask(page)
    call = answer(page).locator(".call")
    expect(call.locator("strong")).to_have_text("<b>add</b>")
    expect(call.locator("code")).to_have_text(markup)
    expect(answer(page).locator(".figures")).to_contain_text("7 tokens")
    assert page.locator("main :is(img, b)").count() == 0
    assert "taken" not in page.title()


def test_an_answer_of_nothing_says_so(visit, server):
    page = visit(server.url)
    answer_with(page, chunk(content=""), USAGE)
    ask(page)
    expect(answer(page).locator(".said")).to_have_text("The model answered with nothing.")
    expect(answer(page).locator(".figures")).to_have_text("7 tokens")
    expect(page.locator("main [role=status].hidden")).to_have_text("The model answered with nothing.")


def test_a_screen_reader_hears_an_answer_once_it_is_complete(visit, gateway, teller):
    page = ask_slow_model(visit, gateway)
    status = page.locator("main [role=status].hidden")
    teller.say("One", " two")
    expect(answer(page).locator(".said")).to_have_text("One two")
    expect(status).to_have_text("An answer is being written.")
    teller.end()
    expect(status).to_have_text("One two")


def test_stop_ends_the_answer_where_it_is_made(visit, gateway, teller):
    labels = {"gen_ai_request_model": "slow", "error_type": "client_gone"}
    before = gateway.metric("gen_ai_server_request_duration_seconds_count", **labels)
    page = ask_slow_model(visit, gateway)
    teller.say("So much")
    expect(answer(page)).to_contain_text("So much")
    page.get_by_role("button", name="Stop").click()
    expect(answer(page)).to_contain_text("stopped")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert teller.hung_up.wait(60)
    wait_until(lambda: gateway.metric("gen_ai_server_request_duration_seconds_count", **labels) == before + 1, "the cancellation")
    assert gateway.metric("gateway_upstream_in_flight") == 0


def test_what_a_model_says_is_text_and_nothing_else(visit, gateway, teller):
    page = ask_slow_model(visit, gateway, "<b>bold</b>")
    markup = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    teller.say(markup)
    teller.end()
    expect(answer(page).locator(".said")).to_have_text(markup)
    expect(page.locator(".turn.user .said")).to_have_text("<b>bold</b>")
    assert page.locator("main :is(img, script, b)").count() == 0
    assert "taken" not in page.title()


def test_an_answer_that_breaks_off_says_so_and_stays(visit, gateway, teller):
    page = ask_slow_model(visit, gateway)
    teller.say("Half of")
    expect(answer(page)).to_contain_text("Half of")
    teller.break_off()
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"[A-Z].+\."))
    expect(answer(page)).to_contain_text("Half of")


@pytest.mark.parametrize("event", ["data: not json", "data: null", 'data: {"choices": [{"delta": {"content": {}}}]}'])
def test_nonsense_in_an_answer_is_not_blamed_on_the_page(visit, server, event):
    page = visit(server.url)
    answer_with(page, chunk(content="Half of"), event, chunk(content=" it"))
    ask(page)
    sentence = "The server, or a proxy before it, sent something that makes no sense. What is there so far is kept."
    expect(page.get_by_role("alert")).to_have_text(sentence)
    expect(answer(page).locator(".said")).to_have_text("Half of")


@pytest.mark.parametrize(("content_type", "body"), [("text/html", "<html>login</html>\n\n"), ("application/json", '{"a":1}')])
def test_what_is_no_stream_is_not_blamed_on_the_connection(visit, server, content_type, body):
    page = visit(server.url)
    page.route("**/v1/chat/completions", lambda route: route.fulfill(content_type=content_type, body=body))
    ask(page)
    expect(page.get_by_role("alert")).to_have_text(re.compile(r"^The server, or a proxy before it, sent something that makes no sense\.\s*$"))
    expect(page.get_by_label("Your message")).to_have_value(QUESTION)
    expect(page.locator(".turn")).to_have_count(0)


def test_a_stream_of_nothing_but_its_end_is_an_empty_answer(visit, server):
    page = visit(server.url)
    answer_with(page)
    ask(page)
    expect(answer(page).get_by_text("The model answered with nothing.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text("")


def test_an_error_that_is_plain_text_is_one(visit, server):
    page = visit(server.url)
    answer_with(page, chunk(content="Half of"), "event: error\ndata: upstream timed out")
    ask(page)
    expect(page.get_by_role("alert")).to_have_text("The answer ended in an error.")
    expect(answer(page).locator(".said")).to_have_text("Half of")


def test_a_refusal_is_a_sentence_and_gives_the_question_back(visit, server):
    page = visit(server.url)
    page.get_by_label("Max tokens").fill("99999")
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"max_tokens .*4096.*\."))
    expect(page.get_by_label("Your message")).to_have_value(QUESTION)
    expect(page.locator(".turn")).to_have_count(0)


@pytest.mark.parametrize(
    ("field", "written", "sentence"),
    [
        ("Temperature", "warm", "Temperature must be a number."),
        ("Temperature", "2.5", "Temperature must be at most 2."),
        ("Top p", "-1", "Top p must be at least 0."),
        ("Max tokens", "1.5", "Max tokens must be a whole number."),
        ("Seed", "9007199254740993", "Seed must be at most 9007199254740991."),
    ],
)
def test_what_cannot_be_sent_is_named_and_not_sent(visit, server, field, written, sentence):
    page = visit(server.url)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    # Key by key: a field may keep some of them to itself.
    page.get_by_label(field).press_sequentially(written)
    expect(page.get_by_label(field)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label(field)).to_have_accessible_description(sentence)
    ask(page)
    expect(page.get_by_role("alert")).to_have_text(sentence)
    expect(page.get_by_label("Your message")).to_have_value(QUESTION)
    assert sent == []
    page.get_by_label(field).fill("1")
    expect(page.get_by_label(field)).to_have_attribute("aria-invalid", "false")
    page.get_by_role("button", name="Send").click()
    expect(answer(page)).to_contain_text("tokens")
    expect(page.get_by_role("alert")).to_have_text("")
    assert len(sent) == 1


@pytest.mark.parametrize(("field", "name", "number"), [("Seed", "seed", -1), ("Temperature", "temperature", 0.75), ("Top p", "top_p", 0)])
def test_what_is_sent_is_marked_nowhere(visit, server, field, name, number):
    page = visit(server.url)
    page.get_by_label(field).fill(str(number))
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page)
    assert sent.value.post_data_json[name] == number
    expect(answer(page)).to_contain_text("tokens")
    expect(page.get_by_label(field)).to_have_attribute("aria-invalid", "false")
    assert page.locator(":invalid").count() == 0


def test_a_lost_network_is_a_sentence(visit, server):
    page = visit(server.url)
    expect(page.get_by_label("Model")).to_have_value("demo")
    page.context.set_offline(True)
    ask(page)
    expect(page.get_by_role("alert")).to_have_text(re.compile("The server cannot be reached. Is it running"))
    page.context.set_offline(False)
    page.get_by_role("button", name="Send").click()
    expect(answer(page)).to_contain_text("SELECT")


def test_models_are_listed_as_soon_as_they_can_be(visit, server):
    page = visit(server.url)
    page.route("**/v1/models", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.unroute("**/v1/models")
    expect(page.get_by_label("Model")).to_have_value("demo")
    expect(page.get_by_role("alert")).to_have_text("")


def test_a_conversation_goes_on_and_starts_over(visit, server):
    page = visit(server.url)
    ask(page)
    expect(answer(page)).to_contain_text("tokens")
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page, "Show all users")
    assert [message["role"] for message in sent.value.post_data_json["messages"]] == ["user", "assistant", "user"]
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_parameters_are_sent_as_they_are_written(visit, server):
    page = visit(server.url)
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Top p").fill("0.5")
    with page.expect_request("**/v1/chat/completions") as sent:
        ask(page)
    body = sent.value.post_data_json
    assert (body["seed"], body["top_p"], body["messages"][0]) == (7, 0.5, {"role": "system", "content": "Be brief."})
    assert "temperature" not in body and "max_tokens" not in body


def test_it_works_below_a_path(visit, server):
    with below_a_path(server.url) as url:
        page = visit(f"{url}/")
        ask(page)
        expect(answer(page)).to_contain_text("SELECT")
        page.get_by_text("Ask from a program").click()
        expect(page.locator("aside code")).to_contain_text(f"curl {url}/v1/chat/completions")
        page.get_by_role("link", name="Documentation").click()
        expect(page.locator(".opblock").first).to_be_visible()


def test_what_is_left_of_a_quota_is_told_with_one_wait(visit, gateway):
    page = visit(gateway.url)
    enter_key(page, SMALL)
    page.get_by_role("link", name="Chat").click()
    page.get_by_label("Model").select_option("demo")
    page.get_by_label("Max tokens").fill("40")
    ask(page)
    expect(answer(page)).to_contain_text("cut off at the most tokens it may have")
    page.get_by_role("button", name="Start over").click()
    ask(page)
    expect(page.get_by_role("alert")).to_have_text(re.compile(r"^The request could take .* or wait for the quota, which begins anew in \d[^.]*\.\s*$"))
