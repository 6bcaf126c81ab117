"""The console's text to SQL: the statement in colours, and whether it parses."""

import re

from playwright.sync_api import expect

from below_a_path import below_a_path


def ask_for_sql(page, question="Get top 10 customers by revenue"):
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask for SQL").click()


def test_a_question_becomes_a_statement_that_parses(visit, server):
    page = visit(f"{server.url}/#sql")
    page.get_by_label("Dialect").select_option("PostgreSQL")
    ask_for_sql(page)
    statement = page.get_by_role("region", name="Statement")
    expect(statement).to_contain_text("Parses as PostgreSQL.")
    expect(statement.locator("code")).to_have_text(re.compile("^SELECT customers.name, SUM.* LIMIT 10;$"))
    assert statement.locator("code .keyword").first.inner_text() == "SELECT"
    assert statement.locator("code .number").all_inner_texts() == ["10"]


def test_schema_dialect_and_strictness_are_sent(visit, server):
    page = visit(f"{server.url}/#sql")
    schema = "CREATE TABLE users (id INTEGER, name TEXT);"
    page.get_by_label("Schema").fill(schema)
    page.get_by_label("Dialect").select_option("MySQL")
    page.get_by_label("Ask again until it parses").check()
    with page.expect_request("**/text2sql") as sent:
        ask_for_sql(page, "Show all users")
    body = sent.value.post_data_json
    assert (body["schema"], body["dialect"], body["validation"], body["model"]) == (schema, "mysql", "strict", "demo")
    expect(page.get_by_role("region", name="Statement")).to_contain_text("Parses as MySQL.")


def test_what_does_not_parse_is_said_to_be_wrong(visit, server):
    page = visit(f"{server.url}/#sql")
    answer = {
        "model": "demo",
        "choices": [{"message": {"content": "```sql\nSELECT 'a' -- <b>\nFROM FROM\n```"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "text2sql": {"valid": False, "dialect": "sqlite", "error": "expected a table, found FROM"},
    }
    page.route("**/text2sql", lambda route: route.fulfill(json=answer))
    ask_for_sql(page)
    statement = page.get_by_role("region", name="Statement")
    expect(statement).to_contain_text("Does not parse as SQLite: expected a table, found FROM")
    expect(statement.locator("code")).to_have_text("SELECT 'a' -- <b>\nFROM FROM")
    assert statement.locator("code .comment").inner_text() == "-- <b>"
    assert statement.locator("code .string").inner_text() == "'a'"


def test_a_refusal_is_a_sentence(visit, gateway, server):
    page = visit(f"{gateway.url}/#sql")
    expect(page.get_by_role("alert")).to_contain_text("This server asks for a key.")
    page = visit(f"{server.url}/#sql")
    ask_for_sql(page, "users " * 3000)
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"[A-Z].*2048.*\."))


def test_it_works_below_a_path(visit, server):
    with below_a_path(server.url) as url:
        page = visit(f"{url}/#sql")
        ask_for_sql(page)
        expect(page.get_by_role("region", name="Statement")).to_contain_text("Parses as SQLite.")
