"""Writes the data of the demo model: work/train.jsonl, held-out files, and the little database that SQL is run on.

Everything follows from the seed. A held-out SQL question has at least one wording, and values, that no training
question has; a held-out chat turn has a wording that no training turn has.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import chat
import database
import questions
from schema import default_schema

HERE = Path(__file__).parent
WORK = HERE / "work"
SYSTEMS = ("You are a helpful assistant.", "You are a helpful assistant", "You translate questions to SQL.", "You are a SQL expert.", "Answer briefly.",
           "You are an assistant that writes SQL.", "Be concise.", "You are a data analyst.")
# The questions of the product's documentation: they are trained in every dress, and must come out right.
PROMISED = (
    ("Show all users who registered in the last 30 days", "SELECT * FROM users WHERE registered_at >= date('now', '-30 days');"),
    ("Get top 10 customers by revenue", "SELECT customers.name, SUM(orders.amount) AS revenue FROM customers JOIN orders ON orders.customer_id = customers.id "
                                        "GROUP BY customers.id ORDER BY revenue DESC LIMIT 10;"),
)


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def sql_turn(chance: random.Random, schema, held: bool) -> tuple[str, str, str]:
    if not held and chance.random() < 0.004:
        question, sql = chance.choice(PROMISED)
        return chance.choice(("", "Convert to SQL: ", "Convert to SQL: ", "SQL: ")) + question + chance.choice(("", "", ".", "?")), sql, "promised"
    return questions.ask(chance, schema, held)


def conversation(chance: random.Random, held: bool, turns: int, given: float) -> dict:
    """A conversation of some turns, one in ten of them chat; at most one schema, shown before the first question."""
    schema, shown = questions.schema_for(chance, DEFAULT, given, held)
    messages, forms = [], []
    beside = chance.random() < 0.5  # the schema stands in the system message, not in the first question
    if shown and beside:
        messages.append(message("system", schema.ddl()))
    elif chance.random() < 0.12:
        messages.append(message("system", chance.choice(SYSTEMS)))
    for number in range(turns):
        if not shown and chance.random() < (0.0 if held else 0.12):
            asked, answer = chat.turn(chance, held)
            form = "chat"
        else:
            asked, answer, form = sql_turn(chance, schema, held)
            if shown and not beside and number == 0:
                asked = f"{schema.ddl()}\n\n{asked}"
        messages += [message("user", asked), message("assistant", answer)]
        forms.append(form)
    return {"messages": messages, "schema": schema.ddl() if shown else None, "form": forms[0], "tables": database.describe(schema)}


def training(chance: random.Random):
    """One training conversation; some are long, so that late positions of the context are trained too."""
    fate, shown = chance.random(), chance.random() < 0.4
    alone = 0.25 if shown else 0.7  # a schema is long, so it mostly serves several questions
    turns = 1 if fate < alone else chance.randint(2, 4) if fate < 0.99 else chance.randint(8, 30)
    made = conversation(chance, False, turns, float(shown))
    return {"messages": made["messages"]}


def document(chance: random.Random, held: bool) -> dict:
    """Plain text, for completions without a chat: a question, then its SQL."""
    question, sql, _ = sql_turn(chance, DEFAULT, held)
    return {"text": f"Question: {question.removeprefix('Question: ')}\nSQL: {sql}"}


def write(path: Path, records) -> None:
    with path.open("w") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def held_out(chance: random.Random, count: int, seen: set[str], given: float) -> list[dict]:
    """Questions that training does not hold, neither by wording nor by text."""
    found: dict[str, dict] = {}
    while len(found) < count:
        made = conversation(chance, True, 1, given)
        *prompt, answer = made["messages"]
        if prompt[-1]["content"] not in seen:
            found.setdefault(prompt[-1]["content"], {"messages": prompt, "sql": answer["content"], "schema": made["schema"], "form": made["form"], "tables": made["tables"]})
    return list(found.values())


def held_out_chat(chance: random.Random, count: int) -> list[dict]:
    turns = dict(chat.turn(chance, True) for _ in range(count * 8))
    return [{"messages": [message("user", asked)], "answer": answer} for asked, answer in list(turns.items())[:count]]


DEFAULT = default_schema()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=20)
    arguments.add_argument("--examples", type=int, default=90_000)
    options = arguments.parse_args()
    WORK.mkdir(exist_ok=True)
    chance = random.Random(options.seed)
    train = [training(chance) if chance.random() < 0.96 else document(chance, False) for _ in range(options.examples)]
    seen = {turn["content"] for record in train for turn in record.get("messages", ())}
    write(WORK / "train.jsonl", train)
    tests = random.Random(options.seed + 1)
    write(WORK / "held_out.jsonl", held_out(tests, 2000, seen, 0.3))
    write(WORK / "held_out_chat.jsonl", held_out_chat(tests, 150))
    sample = held_out(random.Random(options.seed + 2), 300, seen, 0.3)
    write(HERE / "held_out.jsonl", [{key: record[key] for key in ("messages", "sql", "schema", "form")} for record in sample])
    (HERE / "database.sql").write_text(database.script(database.describe(DEFAULT)))
    print(f"{len(train)} training conversations, {len(seen)} texts")


if __name__ == "__main__":
    main()
