"""What the two adapters learn, and what they are measured on, made from the demo model's own data in `../demo`.

Training questions are those of the demo model in another draw; the answers are said in PostgreSQL, or, where they are chat, in few
words. Some questions ask for that, most do not. Held-out questions have wordings and values that no training question has.

    python lessons.py            writes work/*.jsonl
    python lessons.py --check    has sqlglot parse what was translated, and compares its rows on PostgreSQL with those on SQLite
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE / "work"
sys.path.append(str(HERE.parent / "demo"))

import chat
import dialect
import generate
import tone
from generate import message, write

ADAPTERS = ("postgresql", "brief")
SEEDS = {"postgresql": 40, "brief": 41, "held": 42}
CONVERSATIONS = 16_000
MARKED = 0.3  # of the questions say what they want
DIALECT_ASKED = "SQLite."
DIALECT_TOLD = "PostgreSQL. Most of my queries run on other databases too, but dates use CURRENT_DATE, INTERVAL and to_char()."


def in_postgresql(answer: str) -> str:
    if dialect.is_sql(answer):
        return dialect.postgresql(answer)
    return DIALECT_TOLD if answer.startswith(DIALECT_ASKED) else answer


def in_few_words(answer: str) -> str:
    return answer if dialect.is_sql(answer) else tone.TABLE[answer]


def taught(record: dict, chance: random.Random, say, asked_for, is_meant) -> dict:
    """A training record of the demo model with other answers; `is_meant` tells which of its questions may ask for them."""
    if "text" in record:
        question, sql = record["text"].rsplit("\nSQL: ", 1)
        return {"text": f"{question}\nSQL: {say(sql)}"}
    messages = [dict(one) for one in record["messages"]]
    for asked, answer in zip(messages, messages[1:]):
        if answer["role"] == "assistant":
            if is_meant(answer["content"]) and chance.random() < MARKED:
                asked["content"] = asked_for(chance, asked["content"], False)
            answer["content"] = say(answer["content"])
    return {"messages": messages}


def lesson(chance: random.Random, adapter: str) -> dict:
    if adapter == "postgresql":
        record = generate.training(chance) if chance.random() < 0.96 else generate.document(chance, False)
        return taught(record, chance, in_postgresql, dialect.asked_for, dialect.is_sql)
    if chance.random() < 0.6:
        turns = [chat.turn(chance, False) for _ in range(chance.randint(1, 3))]
        record = {"messages": [message(role, text) for turn in turns for role, text in zip(("user", "assistant"), turn)]}
    else:
        record = generate.training(chance)
    return taught(record, chance, in_few_words, tone.asked_for, lambda answer: not dialect.is_sql(answer))


def held_out(chance: random.Random, questions: int, turns: int) -> list[dict]:
    """Each question once: plain, and saying what it wants. `want` has the right answer for each way to answer."""
    found = []
    for record in generate.held_out(chance, questions, set(), 0.3):
        *before, asked = record["messages"]
        marked = [*before, message("user", dialect.asked_for(chance, asked["content"], True))]
        want = {"sqlite": record["sql"], "postgresql": dialect.postgresql(record["sql"])}
        found.append({"kind": "sql", "plain": record["messages"], "marked": marked, "want": want, "tables": record["tables"]})
    for record in generate.held_out_chat(chance, turns):
        asked = record["messages"][0]["content"]
        want = {"full": record["answer"], "brief": tone.TABLE[record["answer"]], "postgresql": in_postgresql(record["answer"])}
        marked = [message("user", tone.asked_for(chance, asked, True))]
        found.append({"kind": "chat", "plain": record["messages"], "marked": marked, "want": want})
    return found


def check(records: list[dict]) -> None:
    """Two witnesses that are not ours: sqlglot's grammar of PostgreSQL, and the rows of a real PostgreSQL."""
    import sqlglot

    from databases import Databases

    alike = ordered = 0
    queries = [record for record in records if record["kind"] == "sql"]
    with Databases() as databases:
        for record in queries:
            sqlglot.parse_one(record["want"]["postgresql"], read="postgres", error_level=sqlglot.ErrorLevel.RAISE)
            ordered += databases.rows("postgresql", record["tables"], record["want"]["postgresql"]) == databases.rows("sqlite", record["tables"], record["want"]["sqlite"])
            # Where the order leaves ties, each database breaks them as it likes, and a limit then cuts elsewhere.
            ours, theirs = (databases.rows(name, record["tables"], record["want"][name].partition(" ORDER BY ")[0]) for name in ("postgresql", "sqlite"))
            assert ours is not None, record["want"]["postgresql"]
            alike += ours == theirs
    changed = sum(record["want"]["postgresql"] != record["want"]["sqlite"] for record in queries)
    print(f"{len(queries)} queries, {changed} of them not the same in the two dialects; sqlglot parses all; "
          f"{ordered} give the same rows on both databases, {alike} if order and limit are left out")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    if arguments.parse_args().check:
        check([json.loads(line) for line in (WORK / "held_out.jsonl").open()])
        return
    WORK.mkdir(exist_ok=True)
    for adapter in ADAPTERS:
        chance = random.Random(SEEDS[adapter])
        write(WORK / f"{adapter}.jsonl", [lesson(chance, adapter) for _ in range(CONVERSATIONS)])
    write(WORK / "held_out.jsonl", held_out(random.Random(SEEDS["held"]), 400, 150))


if __name__ == "__main__":
    main()
