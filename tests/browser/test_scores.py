"""The console's scores: a bar for each model, the best first."""

from playwright.sync_api import expect


def score(page, prompt):
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("button", name="Score").click()


def test_every_model_has_a_bar_and_the_best_is_first(visit, server):
    page = visit(f"{server.url}/#scores")
    score(page, "Implement a hash table in Rust.")
    rows = page.get_by_role("region", name="Scores").locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("coder")
    scores = [float(text) for text in rows.locator("td span").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    widths = [float(bar.get_attribute("width")) for bar in rows.locator("rect").all()]
    longest = max(abs(score) for score in scores)
    assert all(abs(width / max(widths) - abs(score) / longest) < 0.01 for width, score in zip(widths, scores))


def test_who_names_another_scorer_is_told_which_there_are(visit, server):
    page = visit(f"{server.url}/#scores")
    page.get_by_label("Scorer").fill("dense_network/other")
    score(page, "What is a join?")
    expect(page.get_by_role("alert")).to_have_text(
        'The scorer "dense_network/other" does not exist; there are: dense_network/example.'
    )
    page.get_by_label("Scorer").fill("dense_network/example")
    page.get_by_label("Models to score").fill("coder, nobody")
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("alert")).to_contain_text("it knows allround, author, coder, polyglot, solver.")
