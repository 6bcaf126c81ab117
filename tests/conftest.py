"""The server at LLM_TEST_BASE_URL, the official client for it, and a database to try its SQL on."""

import os
import sqlite3
from datetime import datetime, timedelta, timezone

import openai
import pytest

BASE_URL = os.environ.get("LLM_TEST_BASE_URL", "http://localhost:8091")

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, country TEXT, age INTEGER, is_active INTEGER,
                    registered_at DATE, last_login DATE);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, country TEXT, segment TEXT, created_at DATE);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, product_id INTEGER, quantity INTEGER, amount REAL, status TEXT,
                     ordered_at DATE);
"""


@pytest.fixture(scope="session")
def base_url():
    return BASE_URL


@pytest.fixture(scope="session")
def client():
    # A retry would hide an answer that should have been right the first time.
    return openai.OpenAI(base_url=f"{BASE_URL}/v1", api_key="not-needed", max_retries=0, timeout=60)


@pytest.fixture(scope="session")
def model(client):
    return client.models.list().data[0].id


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


@pytest.fixture
def people(database):
    """Whom an answer's SQL finds, by the beginning of their names."""

    def found(answer, kind):
        sql = answer.strip().removeprefix("```sql").removesuffix("```").strip()
        return [next(value for value in row if str(value).startswith(kind)) for row in database.execute(sql).fetchall()]

    return found


@pytest.fixture
def best_customers(database):
    rows = database.execute(
        "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY SUM(o.amount) DESC LIMIT 10"
    )
    return [name for (name,) in rows.fetchall()]


@pytest.fixture
def new_users():
    return [f"user {index}" for index in range(10)]
