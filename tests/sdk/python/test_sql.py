"""The demo model answers the questions it was made for with SQL that is right, not merely well formed."""

import sqlite3
from datetime import datetime, timedelta, timezone

import pytest

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, country TEXT, age INTEGER, is_active INTEGER,
                    registered_at DATE, last_login DATE);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, country TEXT, segment TEXT, created_at DATE);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, product_id INTEGER, quantity INTEGER, amount REAL, status TEXT,
                     ordered_at DATE);
"""


@pytest.fixture
def database():
    """Users registered every third day, none on the thirtieth; customers whose revenue and number of orders disagree."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    today = datetime.now(timezone.utc).date()
    for index in range(40):
        registered = today - timedelta(days=3 * index + 1)
        connection.execute("INSERT INTO users (id, name, registered_at) VALUES (?, ?, ?)", (index, f"user {index}", str(registered)))
    order = 0
    for customer in range(15):
        connection.execute("INSERT INTO customers (id, name) VALUES (?, ?)", (customer, f"customer {customer}"))
        for _ in range(1 + (customer * 7) % 5):
            order += 1
            row = (order, customer, 10.0 + 3 * ((customer * 11) % 15))
            connection.execute("INSERT INTO orders (id, customer_id, amount) VALUES (?, ?, ?)", row)
    return connection


def answered(chat, question):
    sql = chat(question, max_tokens=128).choices[0].message.content.strip()
    return sql.removeprefix("```sql").removesuffix("```").strip()


def names(rows, prefix):
    return [next(value for value in row if str(value).startswith(prefix)) for row in rows]


def test_users_of_the_last_30_days(chat, database):
    rows = database.execute(answered(chat, "Show all users who registered in the last 30 days")).fetchall()
    assert sorted(names(rows, "user ")) == sorted(f"user {index}" for index in range(10))


def test_top_10_customers_by_revenue(chat, database):
    rows = database.execute(answered(chat, "Get top 10 customers by revenue")).fetchall()
    expected = database.execute(
        "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY SUM(o.amount) DESC LIMIT 10"
    ).fetchall()
    assert names(rows, "customer ") == [name for (name,) in expected]
