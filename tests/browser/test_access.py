"""The console for everybody: with a keyboard, on a phone, in both themes, read out."""

import gzip
import urllib.request

import pytest
from playwright.sync_api import expect

from servers import ROOT
from test_chat import answer, ask
from test_scores import score
from test_sql import ask_for_sql

AXE = (ROOT / "console/node_modules/axe-core/axe.min.js").read_text()
VIEWS = ["Chat", "SQL", "Scores", "Models", "Traffic", "Key"]
THEMES = ["light", "dark"]
MOST_BYTES = 80_000


def go(page, view):
    link = page.get_by_role("navigation").get_by_role("link", name=view, exact=True)
    link.click()
    expect(link).to_have_attribute("aria-current", "page")


def fill(page, view):
    """Has something to show in it."""
    go(page, view)
    match view:
        case "Chat":
            ask(page)
            expect(answer(page)).to_contain_text("tokens")
        case "SQL":
            ask_for_sql(page)
            expect(page.get_by_role("region", name="Statement")).to_contain_text("tokens")
        case "Scores":
            score(page, "What is a join?")
            expect(page.get_by_role("region", name="Scores")).to_be_visible()
        case "Models":
            expect(page.get_by_role("button", name="Look for a newer version of tiny")).to_be_visible()
        case "Traffic":
            expect(page.locator("polyline[points*=' ']").first).to_be_attached()


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(visit, server, theme):
    page = visit(server.url, color_scheme=theme)
    page.evaluate(AXE)
    for view in VIEWS:
        fill(page, view)
        found = page.evaluate("axe.run()")["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], view


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_leaves_a_phone_at_the_side(visit, server, view):
    page = visit(server.url, width=360, height=640, has_touch=True)
    fill(page, view)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.fixture
def long_adapter(server):
    name = "an_adapter_of_a_name_that_has_no_place_to_break_it_" * 4
    server.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": "llama", "base_model_name": "tiny"})
    yield name
    server.post("/v1/unload_lora_adapter", {"lora_name": name})


@pytest.mark.parametrize("width", [360, 1280])
def test_an_adapter_of_a_long_name_leaves_no_card(visit, server, long_adapter, width):
    page = visit(server.url, width=width)
    fill(page, "Models")
    unload = page.get_by_role("button", name=f"Unload {long_adapter}")
    card = page.get_by_role("article", name="tiny").bounding_box()
    button = unload.bounding_box()
    assert card["x"] < button["x"] and button["x"] + button["width"] < card["x"] + card["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width
    unload.click()
    question = page.get_by_role("group", name=f"Unload {long_adapter}?").bounding_box()
    assert card["x"] < question["x"] and question["x"] + question["width"] < card["x"] + card["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("view", ["Chat", "SQL", "Models", "Traffic"])
def test_a_long_name_leaves_no_phone_at_the_side(visit, server, long_adapter, view):
    page = visit(server.url, width=360, height=640, has_touch=True)
    if view == "Chat":
        page.get_by_label("Model").select_option(long_adapter)
    fill(page, view)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_works_by_keyboard_alone(visit, server):
    page = visit(server.url)
    expect(page.get_by_label("Model")).to_have_value("demo")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_until(page, page.get_by_label("Your message"))
    page.keyboard.type("Show all users")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("tokens")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    tab_until(page, page.get_by_role("link", name="Key", exact=True), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Key and quotas")


def tab_until(page, goal, keys="Tab"):
    for _ in range(30):
        if goal.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(keys)
    raise AssertionError(f"{goal} is not reached with {keys}")


def test_the_theme_follows_the_system_until_it_is_chosen(visit, server):
    page = visit(server.url, color_scheme="dark")
    color = lambda: page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    dark = color()
    page.get_by_label("Theme").select_option("Light")
    light = color()
    assert light != dark
    page.reload()
    expect(page.get_by_label("Theme")).to_have_value("light")
    assert color() == light


def test_the_whole_page_is_small(server):
    def size(path):
        request = urllib.request.Request(f"{server.url}{path}", headers={"accept": "text/html"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return len(body if answer.headers["content-encoding"] == "gzip" else gzip.compress(body))

    assert sum(map(size, ["/", "/console/console.js", "/console/console.css", "/console/icon.svg"])) < MOST_BYTES
