"""The demo model's SQL as PostgreSQL says it: what SQLite says otherwise is changed, the rest stays.

The rules know the forms that `../demo/questions.py` writes, not SQL in general. That they keep the meaning is seen from the
rows: `lessons.py --check` runs both sides on both databases.
"""

from __future__ import annotations

import random
import re

RULES = (
    (r"strftime\('%Y', ([\w.]+)\) = '(\d+)'", r"EXTRACT(YEAR FROM \1) = \2"),
    (r"strftime\('%Y-%m-%d', ([\w.]+)\)", r"to_char(\1, 'YYYY-MM-DD')"),
    (r"strftime\('%Y-%m', ([\w.]+)\)", r"to_char(\1, 'YYYY-MM')"),
    (r"strftime\('%Y', ([\w.]+)\)", r"to_char(\1, 'YYYY')"),
    (r"date\('now', 'start of (\w+)'\)", r"date_trunc('\1', CURRENT_DATE)"),
    (r"date\('now', '-(\d+ \w+)'\)", r"CURRENT_DATE - INTERVAL '\1'"),
    (r"date\('now'\)", "CURRENT_DATE"),
    (r"\bdate\(([\w.]+)\)", r"\1::date"),
    (r" LIKE '", " ILIKE '"),  # SQLite's does not tell capitals from small letters
    # A column that is neither grouped by nor aggregated: SQLite takes any of its values, PostgreSQL wants a primary key, which no schema here names.
    (r"^SELECT (\w+\.\w+)(, .*| FROM .*)( GROUP BY \w+\.id)\b", r"SELECT \1\2\3, \1"),
)
# PostgreSQL puts what has no value first, where SQLite puts it last. What is counted or summed always has one.
DESCENDING = re.compile(r"( ORDER BY [\w.]+ DESC)\b")

# How a question says that it wants PostgreSQL. `~`: for held-out questions alone, as in ../demo/asker.py.
BEFORE = ("PostgreSQL: ", "Postgres: ", "In PostgreSQL: ", "Write PostgreSQL: ", "Convert to PostgreSQL: ", "In Postgres, ", "For PostgreSQL: ",
          "~Convert to Postgres: ", "~With PostgreSQL: ")
AFTER = (" in PostgreSQL", " in Postgres", " for PostgreSQL", " (PostgreSQL)", " using PostgreSQL", "~ for Postgres", "~ with PostgreSQL")


def is_sql(answer: str) -> bool:
    return answer.startswith("SELECT ") and answer.endswith(";")


def postgresql(sql: str) -> str:
    """The query that gives the same rows on PostgreSQL."""
    for pattern, said in RULES:
        sql = re.sub(pattern, said, sql)
    return sql if " GROUP BY " in sql else DESCENDING.sub(r"\1 NULLS LAST", sql)


def choose(chance: random.Random, wordings: tuple[str, ...], held: bool) -> str:
    """One of those for training, or one that is kept for held-out questions."""
    return chance.choice([wording.removeprefix("~") for wording in wordings if wording.startswith("~") == held])


def asked_for(chance: random.Random, question: str, held: bool) -> str:
    """The question, saying which database it is for. A schema may stand before it."""
    schema, gap, question = question.rpartition("\n\n")
    if chance.random() < 0.5:
        question = choose(chance, BEFORE, held) + question
    else:
        end = question[-1] if question[-1] in ".?" else ""
        question = question.removesuffix(end) + choose(chance, AFTER, held) + end
    return schema + gap + question
