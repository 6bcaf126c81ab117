"""Measures demo.gguf on held-out questions and chat turns; writes evaluation.json.

`exact` counts SQL equal to the expected text, `execution` SQL that gives the same result on the database of database.py (rows in
any order unless the query orders them). The weights are those of the file, in f32; decoding is greedy.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sqlite3
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F

import answer
import database
import gguf_file
import tokenizer as demo
from generate import PROMISED, WORK, document, message

HERE = Path(__file__).parent


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.open()]


def same_result(record: dict, sql: str) -> bool:
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(database.script(record["tables"]))
        expected = database.run(connection, record["sql"])
        assert expected is not None, record["sql"]
        return database.run(connection, sql) == expected


def share(hits: list[bool]) -> float:
    return round(sum(hits) / len(hits), 4)


def judge(records: list[dict], answers: list[str]) -> tuple[dict, list[dict]]:
    """Scores over all records and by kind of prompt, and what went wrong."""
    exact, execution = defaultdict(list), defaultdict(list)
    wrong = []
    for record, given in zip(records, answers, strict=True):
        equal = given == record["sql"]
        right = equal or same_result(record, given)
        for group in ("all", "schema given" if record["schema"] else "default schema", f"form {record['form']}"):
            exact[group].append(equal)
            execution[group].append(right)
        if not right:
            wrong.append({"question": record["messages"][-1]["content"], "expected": record["sql"], "given": given, "form": record["form"]})
    scores = {group: {"questions": len(exact[group]), "exact": share(exact[group]), "execution": share(execution[group])} for group in sorted(exact)}
    return scores, wrong


def perplexity(tokenizer, model, records: list[dict]) -> float:
    """Of the learned parts (answers; all of a plain text), per token."""
    total, count = 0.0, 0
    for record in records:
        ids, learned = [], []
        for text, learn in demo.pieces(record):
            piece = tokenizer.encode(text, add_special_tokens=False).ids
            ids += piece
            learned += [learn] * len(piece)
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, :-1]
        losses = F.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")[torch.tensor(learned[1:])]
        total, count = total + losses.sum().item(), count + len(losses)
    return round(math.exp(total / count), 4)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--questions", type=int, default=1000)
    options = arguments.parse_args()
    tokenizer, model = gguf_file.read(HERE / "demo.gguf")
    questions = read(WORK / "held_out.jsonl")[: options.questions]
    turns = read(WORK / "held_out_chat.jsonl")

    scores, wrong = judge(questions, answer.greedy(tokenizer, model, [record["messages"] for record in questions]))
    chat_hits = [given == record["answer"] for record, given in zip(turns, answer.greedy(tokenizer, model, [record["messages"] for record in turns]), strict=True)]
    promised = [(prefix + question, sql) for question, sql in PROMISED for prefix in ("", "Convert to SQL: ")]
    kept = [given == sql for (_, sql), given in zip(promised, answer.greedy(tokenizer, model, [[message("user", text)] for text, _ in promised]), strict=True)]

    answered = [{"messages": [*record["messages"], message("assistant", record["sql"])]} for record in questions[:200]]
    chance = random.Random(23)
    plain = [document(chance, True) for _ in range(200)]
    report = {
        "sql": scores, "chat exact": share(chat_hits), "promised questions right": share(kept),
        "perplexity of SQL answers": perplexity(tokenizer, model, answered),
        "perplexity of plain question-and-SQL text": perplexity(tokenizer, model, plain),
    }
    (HERE / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")
    (WORK / "wrong.json").write_text(json.dumps(wrong, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
