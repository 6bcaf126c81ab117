"""A small SQLite database with the tables of a schema, so that SQL can be run and results compared.

The rows of a table are the same under whatever names a schema gives to it. `date('now')` is taken to be `TODAY`, else results
would change with the day on which the evaluation runs.
"""

from __future__ import annotations

import random
import sqlite3
from functools import cache

import values
from schema import Column, Schema, table

TODAY = "2025-06-30"
ROWS = {"departments": 14, "users": 160, "customers": 120, "products": 90, "employees": 120, "orders": 420, "subscriptions": 140, "events": 300, "reviews": 260}


def describe(schema: Schema) -> list[list]:
    """The schema as plain data: [table key, name, [[column key, name], …]] for each table."""
    return [[key, schema.name(key), [[column.key, schema.column(key, column.key)] for column in table(key).columns if schema.has(key, column.key)]]
            for key in schema.tables]


def _day(chance: random.Random) -> str:
    """A day of 2020–2025, recent ones more often."""
    if chance.random() < 0.35:
        return f"2025-{chance.randint(4, 6):02}-{chance.randint(1, 30):02}"
    return f"{chance.randint(2020, 2024)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"


def _value(chance: random.Random, owner: str, column: Column):
    if "missing" in column.phrases and chance.random() < 0.3:
        return None
    if column.key == "manager_id":
        return chance.randint(1, 20)
    if column.kind == "key":
        parent = column.key.removesuffix("_id") + "s"
        return chance.randint(1, ROWS[parent] * 9 // 10)  # a tenth of the parents have no child
    if column.kind == "flag":
        return chance.randint(0, 1)
    if column.kind == "integer":
        return 0 if "zero" in column.phrases and chance.random() < 0.1 else chance.randint(column.low, column.high)
    if column.kind == "money":
        return round(chance.uniform(column.low, column.high), 2)
    if column.kind == "date":
        return _day(chance)
    if column.kind == "text":
        return f"{chance.choice(values.FIRST).lower()}{chance.randint(1, 99)}@{chance.choice(values.EMAIL_HOSTS)}"
    return values.pick(chance, column.values, chance.random() < 0.3, fresh=0)


@cache
def rows(key: str) -> list[dict]:
    """The rows of one table, by column key; the same in every run."""
    chance = random.Random(f"rows of {key}")
    found = [{column.key: _value(chance, key, column) for column in table(key).columns if column.key != "id"} for _ in range(ROWS.get(key, 80))]
    return [{"id": number, **row} for number, row in enumerate(found, 1)]


def _literal(value) -> str:
    return "NULL" if value is None else repr(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"


def script(description) -> str:
    """The statements that make the database of a schema described by `describe`."""
    lines = []
    for key, name, columns in description:
        types = ", ".join(f"{column} {table(key).column(column_key).sql_type}" for column_key, column in columns)
        lines.append(f"CREATE TABLE {name} ({types});")
        tuples = (", ".join(_literal(row[column_key]) for column_key, _ in columns) for row in rows(key))
        lines.append(f"INSERT INTO {name} VALUES\n" + ",\n".join(f"({line})" for line in tuples) + ";")
    return "\n".join(lines) + "\n"


def run(connection: sqlite3.Connection, sql: str) -> list[tuple] | None:
    """The result of a query with TODAY for 'now', in order if the query asks for one; None if it does not run."""
    try:
        found = connection.execute(sql.replace("'now'", f"'{TODAY}'")).fetchall()
    except (sqlite3.Error, sqlite3.Warning):
        return None
    return found if "ORDER BY" in sql else sorted(found, key=repr)
